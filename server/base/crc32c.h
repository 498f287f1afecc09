// CRC-32C (Castagnoli), for bytes that lie on a disk for a while.

#ifndef HUBD_SERVER_BASE_CRC32C_H_
#define HUBD_SERVER_BASE_CRC32C_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace hubd {

// The checksum of some bytes and then `bytes`, where `crc` is that of the first
// ones; 0 is that of none.
uint32_t ExtendCrc32c(uint32_t crc, absl::string_view bytes);

}  // namespace hubd

#endif  // HUBD_SERVER_BASE_CRC32C_H_
