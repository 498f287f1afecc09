#include "client/call_limit.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"

namespace hubd {

CallLimit::CallLimit(absl::Duration timeout, std::stop_token cancel)
    : timeout_(timeout), begin_(Clock::now()), cancel_(std::move(cancel)) {}

absl::Status CallLimit::Check() const {
  if (cancel_.stop_requested()) return absl::CancelledError("cancelled");
  if (Left() <= absl::ZeroDuration()) return TimeIsUp();
  return absl::OkStatus();
}

absl::Duration CallLimit::Left() const {
  if (timeout_ == absl::InfiniteDuration()) return timeout_;
  const absl::Duration gone = absl::FromChrono(Clock::now() - begin_);
  return std::max(timeout_ - gone, absl::ZeroDuration());
}

absl::Status CallLimit::Pause(absl::Duration pause) const {
  // std's own types, since CondVar cannot wait for a stop token.
  std::mutex mutex;
  std::condition_variable_any condition;
  std::unique_lock<std::mutex> lock(mutex);
  condition.wait_for(lock, cancel_,
                     absl::ToChronoNanoseconds(std::min(pause, Left())),
                     [] { return false; });
  return Check();
}

absl::Status CallLimit::TimeIsUp() const {
  return absl::DeadlineExceededError(absl::StrCat(
      "not done within ",
      absl::FormatDuration(absl::Trunc(timeout_, absl::Milliseconds(1)))));
}

}  // namespace hubd
