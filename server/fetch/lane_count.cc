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
// Of its time, what a lane may wait for the disk; what it is taken for at most,
// since disks pause.
constexpr double kMayWait = 0.1;
constexpr double kMostWaited = 0.25;

}  // namespace

LaneCount::LaneCount(int max) : max_(max), count_(std::min(kFirst, max)) {}

void LaneCount::Measure(int64_t bytes, absl::Duration elapsed,
                        absl::Duration waited, absl::Time now) {
  const double seconds = absl::ToDoubleSeconds(elapsed);
  if (seconds <= 0) return;
  if (Withhold(absl::ToDoubleSeconds(waited) / seconds)) return;
  const double rate = static_cast<double>(bytes) / seconds;
  if (before_ > 0 && rate <= kWorthIt * rate_before_) {
    count_ = before_;
    before_ = 0;
    grow_after_ = now + kRest;
    return;
  }
  before_ = 0;
  // Silence is no sign of room.
  if (bytes == 0 || now < grow_after_ || count_ >= max_) return;
  before_ = count_;
  rate_before_ = rate;
  count_ = std::min(2 * count_, max_);
}

bool LaneCount::Withhold(double waited) {
  if (waited <= kMayWait && withheld_ == 0) return false;
  // The rate was the disk's.
  before_ = 0;
  if (waited <= kMayWait) {
    --withheld_;
    return true;
  }
  const double idle = count() * std::min(waited, kMostWaited);
  const int least = std::min(kFirst, count_);
  withheld_ =
      std::min(withheld_ + static_cast<int>(std::ceil(idle)), count_ - least);
  return true;
}

void LaneCount::Settle() {
  count_ -= std::exchange(withheld_, 0);
  before_ = 0;
}

void LaneCount::DropOne() {
  Settle();
  count_ = std::max(1, count_ - 1);
}

void LaneCount::Halve(absl::Time now, absl::Time until) {
  Settle();
  count_ = std::max(1, count_ / 2);
  grow_after_ = std::max(now + kRest, until);
}

}  // namespace hubd
