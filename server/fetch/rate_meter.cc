#include "server/fetch/rate_meter.h"

#include <cmath>

namespace hubd {
namespace {

// Shorter times say little.
constexpr absl::Duration kSample = absl::Milliseconds(250);
// What came so long ago counts a third.
constexpr absl::Duration kMemory = absl::Seconds(4);

}  // namespace

void RateMeter::Note(int64_t bytes, absl::Time now) {
  // A clock that was set back begins anew, too.
  if (!bytes_ || bytes < *bytes_ || now < at_) {
    rate_.reset();
  } else {
    if (now - at_ < kSample) return;
    rate_ = RateAfter(bytes - *bytes_, now - at_);
  }
  bytes_ = bytes;
  at_ = now;
}

double RateMeter::BytesPerSecond(absl::Time now) const {
  if (!rate_) return 0;
  // Between two samples nothing can be said.
  if (now - at_ < 4 * kSample) return *rate_;
  return RateAfter(0, now - at_);
}

double RateMeter::RateAfter(int64_t bytes, absl::Duration since) const {
  const double latest =
      static_cast<double>(bytes) / absl::ToDoubleSeconds(since);
  if (!rate_) return latest;
  const double kept = std::exp(-absl::FDivDuration(since, kMemory));
  return kept * *rate_ + (1 - kept) * latest;
}

}  // namespace hubd
