// Counts what an archive unpacks to and says when it is too much.

#ifndef HUBD_SERVER_FETCH_UNPACK_METER_H_
#define HUBD_SERVER_FETCH_UNPACK_METER_H_

#include <cstdint>
#include <stop_token>
#include <utility>

#include "absl/status/status.h"
#include "server/store/space.h"

namespace hubd {

// The configuration's [tree] max_entries, max_bytes and max_ratio. The ratio is
// that of the bytes unpacked so far to the compressed bytes read so far; it is
// judged only after 1 MiB.
struct ArchiveLimits {
  int64_t max_entries = 200000;
  int64_t max_bytes = int64_t{8} << 30;
  int64_t max_ratio = 200;
};

// Counts what is unpacked and takes the room for it, much at a time. DISK_FULL
// where there is none. Every method fails with CANCELLED once a stop is
// requested, and with BAD_ARCHIVE, naming the limit, once one is passed.
// Thread-compatible.
class UnpackMeter {
 public:
  UnpackMeter(const ArchiveLimits& limits, std::stop_token stop,
              Space::Reservation room = {})
      : limits_(limits), stop_(std::move(stop)), room_(std::move(room)) {}

  // A member, or a folder that only the names of members tell of.
  absl::Status CountEntry();
  // Bytes of the archive that were read.
  absl::Status CountCompressed(int64_t bytes);
  // Bytes of content, written or dropped.
  absl::Status CountUnpacked(int64_t bytes);

 private:
  absl::Status CheckStop() const;

  const ArchiveLimits limits_;
  const std::stop_token stop_;
  Space::Reservation room_;
  int64_t entries_ = 0;
  int64_t compressed_ = 0;
  int64_t unpacked_ = 0;
};

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_UNPACK_METER_H_
