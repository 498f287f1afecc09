// How long a call may go on.

#ifndef HUBD_CLIENT_CALL_LIMIT_H_
#define HUBD_CLIENT_CALL_LIMIT_H_

#include <chrono>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace hubd {

// A time that is up at some moment, and a token that may end it earlier. Copies
// share the moment. Thread-safe.
class CallLimit {
 public:
  // The time begins here; it may be infinite.
  explicit CallLimit(absl::Duration timeout = absl::InfiniteDuration(),
                     std::stop_token cancel = {});

  // OK, or CANCELLED, or DEADLINE_EXCEEDED with a message that names the time.
  absl::Status Check() const;

  // What is left of the time; zero where it is up, infinite without a limit.
  absl::Duration Left() const;

  // Waits for `pause`, or until the limit is reached; then as Check.
  absl::Status Pause(absl::Duration pause) const;

  const std::stop_token& cancel() const { return cancel_; }

  // What Check says when the time is up.
  absl::Status TimeIsUp() const;

 private:
  using Clock = std::chrono::steady_clock;

  absl::Duration timeout_;
  Clock::time_point begin_;
  std::stop_token cancel_;
};

}  // namespace hubd

#endif  // HUBD_CLIENT_CALL_LIMIT_H_
