// How many connections one download has at a time.

#ifndef HUBD_SERVER_FETCH_LANE_COUNT_H_
#define HUBD_SERVER_FETCH_LANE_COUNT_H_

#include <cstdint>

#include "absl/time/time.h"

namespace hubd {

// Begins with four. More while more bring more: the count doubles, and goes
// back where that has brought less than a quarter more bytes a second; then it
// is left alone for a while. After a break there is one fewer; a host that
// limits, or breaks off before much has come, gets half as many. Of more than
// four, those are withheld that wait for the disk instead of reading, since a
// sudden end loses what their sockets hold; one comes again at each measurement
// in which hardly any waits. A value.
class LaneCount {
 public:
  // REQUIRES: max >= 1.
  explicit LaneCount(int max);

  int count() const { return count_ - withheld_; }

  // What was seen since the last call.
  struct Sample {
    int64_t bytes = 0;
    absl::Duration elapsed;
    // Lanes that there were, also those that are still to leave; and how many
    // of them were idle, on average, since they waited for the disk.
    int lanes = 0;
    double idle = 0;
  };

  // `now` goes forward. Calls should be as far apart as it takes to tell one
  // rate from another.
  void Measure(const Sample& sample, absl::Time now);

  // One fewer: a connection broke.
  void DropOne();

  // The host does not stand so many; no more before `until`, nor for a while.
  void Halve(absl::Time now, absl::Time until = absl::InfinitePast());

 private:
  // Whether the disk is what limits, or was of late.
  bool Withhold(const Sample& sample);
  // What is withheld does not come again.
  void DropWithheld();

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
