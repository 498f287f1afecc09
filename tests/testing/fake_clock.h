// A clock that stands until it is moved.

#ifndef HUBD_TESTS_TESTING_FAKE_CLOCK_H_
#define HUBD_TESTS_TESTING_FAKE_CLOCK_H_

#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"

namespace hubd {

// Thread-safe.
class FakeClock final : public Clock {
 public:
  absl::Time Now() const override {
    MutexLock lock(mutex_);
    return now_;
  }

  // Nobody waits: the time is moved instead.
  absl::Status Sleep(absl::Duration duration,
                     const std::stop_token& stop) const override {
    MutexLock lock(mutex_);
    if (stop.stop_requested()) return absl::CancelledError("stopped");
    now_ += duration;
    return absl::OkStatus();
  }

  void Advance(absl::Duration duration) {
    MutexLock lock(mutex_);
    now_ += duration;
  }

 private:
  mutable Mutex mutex_;
  mutable absl::Time now_ ABSL_GUARDED_BY(mutex_) =
      absl::FromUnixSeconds(1800000000);
};

}  // namespace hubd

#endif  // HUBD_TESTS_TESTING_FAKE_CLOCK_H_
