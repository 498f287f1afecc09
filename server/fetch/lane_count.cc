#include "server/fetch/lane_count.h"

#include <algorithm>

namespace hubd {
namespace {

constexpr int kFirst = 4;
constexpr double kWorthIt = 1.25;
// Networks change, and so may what was found out.
constexpr absl::Duration kRest = absl::Seconds(15);

}  // namespace

LaneCount::LaneCount(int max) : max_(max), count_(std::min(kFirst, max)) {}

void LaneCount::Measure(int64_t bytes, absl::Duration elapsed, absl::Time now) {
  const double seconds = absl::ToDoubleSeconds(elapsed);
  if (seconds <= 0) return;
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

void LaneCount::DropOne() {
  before_ = 0;
  count_ = std::max(1, count_ - 1);
}

void LaneCount::Halve(absl::Time now, absl::Time until) {
  before_ = 0;
  count_ = std::max(1, count_ / 2);
  grow_after_ = std::max(now + kRest, until);
}

}  // namespace hubd
