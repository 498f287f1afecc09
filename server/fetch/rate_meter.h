// How fast something grows, as people want to see it.

#ifndef HUBD_SERVER_FETCH_RATE_METER_H_
#define HUBD_SERVER_FETCH_RATE_METER_H_

#include <cstdint>
#include <optional>

#include "absl/time/time.h"

namespace hubd {

// Bytes a second over the last seconds: older ones count less and less.
// Thread-compatible.
class RateMeter {
 public:
  // So many bytes are there. Fewer than before: it has begun anew.
  void Note(int64_t bytes, absl::Time now);

  // Falls while nothing is noted. 0 where nothing is known.
  double BytesPerSecond(absl::Time now) const;

 private:
  // What the rate is if so many bytes have come since the last sample.
  double RateAfter(int64_t bytes, absl::Duration since) const;

  // The last sample.
  std::optional<int64_t> bytes_;
  absl::Time at_ = absl::InfinitePast();
  // By samples; nullopt before the second one.
  std::optional<double> rate_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_RATE_METER_H_
