// The time, so that tests can set it.

#ifndef HUBD_SERVER_BASE_CLOCK_H_
#define HUBD_SERVER_BASE_CLOCK_H_

#include <stop_token>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace hubd {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;
  // Waits, steadily whatever Now() does; CANCELLED where the stop comes first.
  virtual absl::Status Sleep(absl::Duration duration,
                             const std::stop_token& stop) const;
};

// The machine's clock.
class RealClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }
};

}  // namespace hubd

#endif  // HUBD_SERVER_BASE_CLOCK_H_
