#include "server/base/crc32c.h"

#include <isa-l/crc.h>

#include <algorithm>

namespace hubd {

uint32_t ExtendCrc32c(uint32_t crc, absl::string_view bytes) {
  // It takes an int.
  constexpr size_t kMaxPiece = 1 << 30;
  while (!bytes.empty()) {
    const size_t piece = std::min(bytes.size(), kMaxPiece);
    // It only reads. Complements begin and end the checksum, not the function.
    auto* data =
        reinterpret_cast<unsigned char*>(const_cast<char*>(bytes.data()));
    crc = ~crc32_iscsi(data, static_cast<int>(piece), ~crc);
    bytes.remove_prefix(piece);
  }
  return crc;
}

}  // namespace hubd
