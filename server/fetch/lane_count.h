// How many connections one download has at a time.

#ifndef HUBD_SERVER_FETCH_LANE_COUNT_H_
#define HUBD_SERVER_FETCH_LANE_COUNT_H_

#include "absl/time/time.h"

namespace hubd {

// Begins with four. More while more bring more: the count doubles, and goes
// back where that has brought less than a quarter more bytes a second; then it
// is left alone for a while. After a break there is one fewer; a host that
// limits, or breaks off before much has come, gets half as many. A value.
class LaneCount {
 public:
  // REQUIRES: max >= 1.
  explicit LaneCount(int max);

  int count() const { return count_; }

  // So many bytes came since the last call, in `elapsed`, with as many lanes as
  // count() says; `now` goes forward. Calls should be as far apart as it takes
  // to tell one rate from another.
  void Measure(int64_t bytes, absl::Duration elapsed, absl::Time now);

  // One fewer: a connection broke.
  void DropOne();

  // The host does not stand so many; no more before `until`, nor for a while.
  void Halve(absl::Time now, absl::Time until = absl::InfinitePast());

 private:
  const int max_;
  int count_;
  // What the count was before it grew, and the rate then; 0: it has not grown.
  int before_ = 0;
  double rate_before_ = 0;
  absl::Time grow_after_ = absl::InfinitePast();
};

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_LANE_COUNT_H_
