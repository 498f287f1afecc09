// The program hubd: the daemon and, for its own use, the worker host.

#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <iostream>
#include <system_error>

#include "absl/synchronization/mutex.h"
#include "server/base/log.h"
#include "server/base/standard_fds.h"
#include "server/base/thread.h"
#include "server/daemon/command_line.h"
#include "server/daemon/run.h"
#include "server/rpc/host_stream.h"
#include "server/worker/worker_host.h"

namespace hubd {
namespace {

constexpr int kWrongUsage = 2;

// Serves the daemon at the socket until either ends.
int RunWorkerHost(const CommandLine& line) {
  SetLogLevelFromEnvironment();
  if (line.parent != 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    // A parent that ended before the call is seen by its pid.
    if (::getppid() != line.parent) return 1;
  }
  absl::StatusOr<std::unique_ptr<DaemonStream>> stream =
      OpenHostStream(*line.socket);
  if (!stream.ok()) {
    HUBD_LOG(kError) << "event=no_daemon error="
                     << LogQuote(stream.status().message());
    return 1;
  }
  WorkerHost(**stream, {}).Run();
  return 0;
}

int Main(int argc, char** argv) {
  FillStandardFds();
  // Debian's abseil looks for deadlocks at each of gRPC's locks.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  absl::StatusOr<CommandLine> line = ParseCommandLine(argc, argv);
  if (!line.ok()) {
    std::cerr << "hubd: " << line.status().message()
              << "\nhubd --help shows the usage\n";
    return kWrongUsage;
  }
  switch (line->action) {
    case CommandLine::Action::kRunDaemon:
      return RunDaemon(*line);
    case CommandLine::Action::kCheckConfig:
      return CheckConfig(*line);
    case CommandLine::Action::kWorkerHost:
      return RunWorkerHost(*line);
    case CommandLine::Action::kPrint:
      break;
  }
  std::cout << line->text << std::flush;
  return 0;
}

}  // namespace
}  // namespace hubd

int main(int argc, char** argv) {
  try {
    return hubd::Main(argc, argv);
  } catch (const std::system_error& error) {
    // Nothing runs without its threads.
    std::cerr << "hubd: " << hubd::NoThread(error).message() << "\n";
    return 1;
  }
}
