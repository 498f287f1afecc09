#include "server/base/crc32c.h"

#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace hubd {
namespace {

std::string Counting(int from, int step, int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) {
    bytes.push_back(static_cast<char>(from + i * step));
  }
  return bytes;
}

// RFC 3720, B.4, and the check value of the catalogue of CRCs.
TEST(Crc32cTest, GivesTheKnownSums) {
  EXPECT_EQ(ExtendCrc32c(0, ""), 0u);
  EXPECT_EQ(ExtendCrc32c(0, std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(ExtendCrc32c(0, std::string(32, '\xFF')), 0x62A8AB43u);
  EXPECT_EQ(ExtendCrc32c(0, Counting(0, 1, 32)), 0x46DD794Eu);
  EXPECT_EQ(ExtendCrc32c(0, Counting(31, -1, 32)), 0x113FDB5Cu);
  EXPECT_EQ(ExtendCrc32c(0, "123456789"), 0xE3069283u);
}

TEST(Crc32cTest, GoesOnFromEveryPlace) {
  const std::string text = Counting(200, 7, 107);
  for (size_t start = 0; start < 8; ++start) {
    const absl::string_view whole = absl::string_view(text).substr(start);
    const uint32_t sum = ExtendCrc32c(0, whole);
    for (size_t split = 0; split <= whole.size(); ++split) {
      const uint32_t first = ExtendCrc32c(0, whole.substr(0, split));
      EXPECT_EQ(ExtendCrc32c(first, whole.substr(split)), sum)
          << start << " " << split;
    }
  }
}

// Sanitizers do not see what the library reads.
TEST(Crc32cTest, ReadsNothingAround) {
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  void* const pages =
      ::mmap(nullptr, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(pages, MAP_FAILED);
  char* const middle = static_cast<char*>(pages) + page;
  ASSERT_EQ(::mprotect(middle, page, PROT_READ | PROT_WRITE), 0);
  for (size_t size = 1; size <= page; ++size) {
    const uint32_t sum = ExtendCrc32c(0, {middle, size});
    EXPECT_EQ(ExtendCrc32c(0, {middle + page - size, size}), sum) << size;
  }
  ASSERT_EQ(::munmap(pages, 3 * page), 0);
}

}  // namespace
}  // namespace hubd
