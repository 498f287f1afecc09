// hubctl, the command line over hubd::Client.

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "client/cli/arguments.h"
#include "client/cli/commands_cache.h"
#include "client/cli/commands_daemon.h"
#include "client/cli/commands_fetch.h"
#include "client/cli/commands_import.h"
#include "client/cli/commands_jobs.h"
#include "client/cli/commands_lock.h"
#include "client/cli/commands_repo.h"
#include "client/cli/commands_trust.h"
#include "client/cli/exit_code.h"
#include "client/cli/interrupt.h"
#include "client/cli/run.h"
#include "client/cli/session.h"
#include "server/base/standard_fds.h"
#include "server/base/status.h"
#include "server/base/thread.h"

namespace hubd {
namespace {

absl::Status RunPlain(Session& session) {
  switch (session.arguments().command) {
    case Command::kList:
      return RunList(session);
    case Command::kHelp:
      return RunHelp(session);
    case Command::kLoad:
      return RunLoad(session);
    case Command::kFetch:
      return RunFetch(session);
    case Command::kLock:
      return RunLock(session);
    case Command::kGetDir:
      return RunGetDir(session);
    case Command::kStatus:
      return RunStatus(session);
    case Command::kWhoami:
      return RunWhoami(session);
    case Command::kCacheLs:
      return RunCacheLs(session);
    case Command::kCachePrune:
      return RunCachePrune(session);
    case Command::kJobsLs:
    case Command::kJobsWatch:
    case Command::kJobsCancel:
    case Command::kJobsLimit:
      return RunJobs(session);
    case Command::kTrustLs:
      return RunTrustLs(session);
    case Command::kTrustAdd:
      return RunTrustAdd(session);
    case Command::kTrustRm:
      return RunTrustRm(session);
    case Command::kCacheVerify:
    case Command::kCacheRepair:
    case Command::kImport:
    case Command::kTrustCheck:
    case Command::kRun:
      break;
  }
  return absl::InternalError("not a plain command");
}

absl::StatusOr<ExitCode> RunCommand(Session& session) {
  if (session.arguments().command == Command::kTrustCheck) {
    HUBD_ASSIGN_OR_RETURN(const bool trusted, RunTrustCheck(session));
    return trusted ? kExitDone : kExitRefused;
  }
  if (session.arguments().command == Command::kCacheVerify) {
    HUBD_ASSIGN_OR_RETURN(const bool sound, RunCacheVerify(session));
    return sound ? kExitDone : kExitIntegrity;
  }
  if (session.arguments().command == Command::kCacheRepair) {
    HUBD_ASSIGN_OR_RETURN(const bool sound, RunCacheRepair(session));
    return sound ? kExitDone : kExitIntegrity;
  }
  if (session.arguments().command == Command::kImport) {
    HUBD_ASSIGN_OR_RETURN(const bool taken, RunImport(session));
    return taken ? kExitDone : kExitFailed;
  }
  HUBD_RETURN_IF_ERROR(RunPlain(session));
  return kExitDone;
}

// A result that did not reach its reader is no success.
absl::Status FlushOutput() {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) {
    return absl::OkStatus();
  }
  return absl::InternalError(
      absl::StrCat("cannot write the result: ", std::strerror(errno)));
}

// Of the limit, people know the command's whole time.
absl::Status InWordsOfCommand(const absl::Status& status,
                              const Session& session) {
  if (!absl::IsDeadlineExceeded(status)) return status;
  return session.limit().TimeIsUp();
}

int RunSession(Session& session, const Interrupt& interrupt) {
  absl::StatusOr<ExitCode> code = RunCommand(session);
  absl::Status status = code.ok() ? FlushOutput() : code.status();
  if (status.ok()) return *code;
  status = InWordsOfCommand(status, session);
  session.PrintError(status);
  if (absl::IsCancelled(status) && interrupt.signal() != 0) {
    return 128 + interrupt.signal();
  }
  return ExitCodeOf(status);
}

// Before any thread and with all signals as they came: it becomes the program.
int RunRun(Arguments arguments) {
  const absl::Status status = BecomeProgram(arguments);
  Session(std::move(arguments), {}).PrintError(status);
  return absl::IsNotFound(status) ? kExitNoProgram : kExitCannotRun;
}

int Main(int argc, const char* const* argv) {
  FillStandardFds();
  std::variant<Arguments, EarlyExit> parsed = ParseArguments(argc, argv);
  if (const EarlyExit* early = std::get_if<EarlyExit>(&parsed)) {
    std::fputs(early->out.c_str(), stdout);
    std::fputs(early->err.c_str(), stderr);
    return early->code;
  }
  if (std::get<Arguments>(parsed).command == Command::kRun) {
    return RunRun(std::get<Arguments>(std::move(parsed)));
  }
  const Interrupt interrupt;
  Session session(std::get<Arguments>(std::move(parsed)), interrupt.token());
  return RunSession(session, interrupt);
}

}  // namespace
}  // namespace hubd

int main(int argc, char** argv) {
  try {
    return hubd::Main(argc, argv);
  } catch (const std::system_error& error) {
    // Nothing runs without its threads.
    std::fprintf(stderr, "hubctl: %s\n",
                 hubd::NoThread(error).ToString().c_str());
    return hubd::kExitFailed;
  }
}
