#include "server/fetch/lane_count.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace hubd {
namespace {

constexpr int kFirst = 4;
constexpr double kWorthIt = 1.25;
// Networks change, and so may what was found out.
constexpr absl::Duration kRest = absl::Seconds(15);
// Of the lanes, how many may be idle; how many are withheld at a time, since
// disks pause.
constexpr double kMayBeIdle = 0.1;
constexpr double kMostWithheld = 0.25;

}  // namespace

LaneCount::LaneCount(int max) : max_(max), count_(std::min(kFirst, max)) {}

void LaneCount::Measure(const Sample& sample, absl::Time now) {
  const double seconds = absl::ToDoubleSeconds(sample.elapsed);
  if (seconds <= 0) return;
  // Whether it has paid to grow is then not told, and asked later.
  if (Withhold(sample)) return;
  const double rate = static_cast<double>(sample.bytes) / seconds;
  if (before_ > 0 && rate <= kWorthIt * rate_before_) {
    count_ = before_;
    before_ = 0;
    grow_after_ = now + kRest;
    return;
  }
  before_ = 0;
  // Silence is no sign of room.
  if (sample.bytes == 0 || now < grow_after_ || count_ >= max_) return;
  before_ = count_;
  rate_before_ = rate;
  count_ = std::min(2 * count_, max_);
}

bool LaneCount::Withhold(const Sample& sample) {
  if (sample.idle <= kMayBeIdle * sample.lanes) {
    if (withheld_ == 0) return false;
    if (sample.bytes > 0) --withheld_;
    return true;
  }
  const double idle = std::min(sample.idle, kMostWithheld * sample.lanes);
  const int busy = sample.lanes - static_cast<int>(std::ceil(idle));
  // Those that were withheld before may still be there.
  withheld_ =
      std::clamp(count_ - busy, withheld_, count_ - std::min(kFirst, count_));
  return true;
}

void LaneCount::DropWithheld() {
  count_ -= std::exchange(withheld_, 0);
  before_ = 0;
}

void LaneCount::DropOne() {
  DropWithheld();
  count_ = std::max(1, count_ - 1);
}

void LaneCount::Halve(absl::Time now, absl::Time until) {
  DropWithheld();
  count_ = std::max(1, count_ / 2);
  grow_after_ = std::max(now + kRest, until);
}

}  // namespace hubd
