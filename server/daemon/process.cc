#include "server/daemon/process.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "absl/time/clock.h"

namespace hubd {
namespace {

sigset_t StopSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

void PrepareProcess() {
  const sigset_t stop = StopSignals();
  ::pthread_sigmask(SIG_BLOCK, &stop, nullptr);
  for (int signal : {SIGHUP, SIGPIPE, SIGXFSZ}) ::signal(signal, SIG_IGN);
  rlimit limit;
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  ::umask(022);
}

bool WaitForStopSignal(absl::Duration timeout) {
  const sigset_t stop = StopSignals();
  const absl::Time end = absl::Now() + timeout;
  while (true) {
    absl::Duration left = std::max(end - absl::Now(), absl::ZeroDuration());
    timespec wait = absl::ToTimespec(left);
    if (::sigtimedwait(&stop, nullptr, &wait) > 0) return true;
    // A debugger, or SIGSTOP and SIGCONT, interrupt the wait.
    if (errno != EINTR) return false;
  }
}

}  // namespace hubd
