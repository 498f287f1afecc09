// Whether, and after how long, a request that failed is made again.

#ifndef HUBD_SERVER_FETCH_RETRY_H_
#define HUBD_SERVER_FETCH_RETRY_H_

#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace hubd {

struct RetryOptions {
  // Requests in a row without progress, the first one among them; at least 1.
  int tries = 5;
  // The longest wait before the second try; it doubles with each further one.
  absl::Duration base = absl::Milliseconds(100);
  // The longest wait that is chosen here.
  absl::Duration cap = absl::Seconds(60);
  // The longest one that an origin may ask for: beyond it the failure is final.
  absl::Duration max_asked = absl::Seconds(120);
};

// Whether the failure may be gone the next time: the origin could not be
// reached, broke off, stalled, has an error of its own (5xx) or limits. Not: it
// said no, or what it sent cannot be taken, or the machine's disk is full.
bool IsTransient(const absl::Status& failure);

// How long the origin asks to wait; zero where it names no time.
absl::Duration AskedWait(const absl::Status& failure);

// Counts the failures of one transfer. Thread-compatible.
class Retry {
 public:
  // `random` gives numbers from 0 to 1, 1 excluded.
  Retry(RetryOptions options, std::function<double()> random);

  // How long to wait before the next try after a failure that may pass; the
  // failure itself where there is to be none. The wait is drawn from 0 to a
  // bound that doubles (full jitter); where the origin asked for a time
  // (retry_after_ms), it is that, or longer.
  absl::StatusOr<absl::Duration> After(const absl::Status& failure);

  // The requests that failed, the last one among them, had brought what need
  // not come again: they are none without progress, and all tries are to be had
  // again. To be called before After.
  void NoteProgress();

 private:
  const RetryOptions options_;
  const std::function<double()> random_;
  int failures_ = 0;
};

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_RETRY_H_
