// The time, so that tests can set it.

#ifndef HUBD_SERVER_BASE_CLOCK_H_
#define HUBD_SERVER_BASE_CLOCK_H_

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace hubd {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;
};

// The machine's clock.
class RealClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }
};

}  // namespace hubd

#endif  // HUBD_SERVER_BASE_CLOCK_H_
