#include "client/cli/interrupt.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

namespace hubd {
namespace {

// One that is ignored (nohup) stays so.
bool IsIgnored(int number) {
  struct sigaction action;
  return ::sigaction(number, nullptr, &action) == 0 &&
         action.sa_handler == SIG_IGN;
}

sigset_t Signals() {
  sigset_t set;
  sigemptyset(&set);
  for (int number : {SIGINT, SIGTERM, SIGHUP}) {
    if (!IsIgnored(number)) sigaddset(&set, number);
  }
  // Wakes the thread at the end.
  sigaddset(&set, SIGUSR1);
  return set;
}

}  // namespace

Interrupt::Interrupt() {
  const sigset_t set = Signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  thread_ =
      std::jthread([this](const std::stop_token& ending) { Run(ending); });
}

Interrupt::~Interrupt() {
  thread_.request_stop();
  pthread_kill(thread_.native_handle(), SIGUSR1);
}

void Interrupt::Run(const std::stop_token& ending) {
  const sigset_t set = Signals();
  while (true) {
    int number = 0;
    if (::sigwait(&set, &number) != 0) continue;
    if (ending.stop_requested()) return;
    if (number == SIGUSR1) continue;
    if (signal_ != 0) ::_exit(128 + number);
    signal_ = number;
    source_.request_stop();
  }
}

}  // namespace hubd
