#include "server/base/crc32c.h"

#include <boost/crc.hpp>
#include <cstring>

#ifdef __x86_64__
#include <nmmintrin.h>
#endif

namespace hubd {
namespace {

// Boost takes the remainder to go on from with its first bit last.
uint32_t Reversed(uint32_t bits) {
  uint32_t reversed = 0;
  for (int i = 0; i < 32; ++i, bits >>= 1) {
    reversed = reversed << 1 | (bits & 1);
  }
  return reversed;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) uint32_t
ExtendByInstruction(uint32_t crc, absl::string_view bytes) {
  const char* next = bytes.data();
  size_t left = bytes.size();
  uint64_t remainder = ~crc;
  for (; left >= sizeof(uint64_t); left -= sizeof(uint64_t)) {
    uint64_t word;
    std::memcpy(&word, next, sizeof(word));
    remainder = _mm_crc32_u64(remainder, word);
    next += sizeof(word);
  }
  auto last = static_cast<uint32_t>(remainder);
  for (; left > 0; --left) {
    last = _mm_crc32_u8(last, static_cast<unsigned char>(*next++));
  }
  return ~last;
}
#endif

}  // namespace

namespace internal {

uint32_t ExtendCrc32cByTable(uint32_t crc, absl::string_view bytes) {
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> state(
      Reversed(~crc));
  state.process_bytes(bytes.data(), bytes.size());
  return state.checksum();
}

}  // namespace internal

uint32_t ExtendCrc32c(uint32_t crc, absl::string_view bytes) {
#ifdef __x86_64__
  static const bool has_instruction = __builtin_cpu_supports("sse4.2");
  if (has_instruction) return ExtendByInstruction(crc, bytes);
#endif
  return internal::ExtendCrc32cByTable(crc, bytes);
}

}  // namespace hubd
