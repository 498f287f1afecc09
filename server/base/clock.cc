#include "server/base/clock.h"

#include <chrono>

#include "server/base/mutex.h"

namespace hubd {

absl::Status Clock::Sleep(absl::Duration duration,
                          const std::stop_token& stop) const {
  Mutex mutex;
  CondVar stopped;
  const std::stop_callback wake(stop, [&] {
    MutexLock lock(mutex);
    stopped.NotifyAll();
  });
  const auto end =
      std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(duration);
  MutexLock lock(mutex);
  while (!stop.stop_requested()) {
    if (stopped.WaitUntil(mutex, end) == std::cv_status::timeout) {
      return absl::OkStatus();
    }
  }
  return absl::CancelledError("stopped while waiting");
}

}  // namespace hubd
