// How many connections one download has at a time.

#ifndef HUBD_SERVER_FETCH_LANE_COUNT_H_
#define HUBD_SERVER_FETCH_LANE_COUNT_H_

#include "absl/time/time.h"

namespace hubd {

// Begins with four. More while more bring more: the count doubles, and goes
// back where that has brought less than a quarter more bytes a second; then it
// is left alone for a while. After a break there is one fewer; a host that
// limits, or breaks off before much has come, gets half as many. While writes
// wait for the disk there are as many fewer as wait, but four at the least, and
// one more again each time that they do not: what then waits in sockets, a
// sudden end loses. A value.
class LaneCount {
 public:
  // REQUIRES: max >= 1.
  explicit LaneCount(int max);

  int count() const { return count_ - withheld_; }

  // So many bytes came since the last call, in `elapsed`, with as many lanes as
  // count() says, of which each has waited for the disk for `waited`; `now`
  // goes forward. Calls should be as far apart as it takes to tell one rate
  // from another.
  void Measure(int64_t bytes, absl::Duration elapsed, absl::Duration waited,
               absl::Time now);

  // One fewer: a connection broke.
  void DropOne();

  // The host does not stand so many; no more before `until`, nor for a while.
  void Halve(absl::Time now, absl::Time until = absl::InfinitePast());

 private:
  // Whether the disk is what limits, or was of late: then withholds some, or
  // fewer than before. `waited`: of its time, what each lane has.
  bool Withhold(double waited);
  // What is withheld does not come again.
  void Settle();

  const int max_;
  // As many as the network pays, and how many of them the disk does not.
  int count_;
  int withheld_ = 0;
  // What the count was before it grew, and the rate then; 0: it has not grown.
  int before_ = 0;
  double rate_before_ = 0;
  absl::Time grow_after_ = absl::InfinitePast();
};

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_LANE_COUNT_H_
