#include "server/base/crc32c.h"

#include <string>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace hubd {
namespace {

using Extend = uint32_t (*)(uint32_t, absl::string_view);

// What the CPU can, and what is there for one that cannot.
class Crc32cTest : public testing::TestWithParam<Extend> {};

INSTANTIATE_TEST_SUITE_P(Ways, Crc32cTest,
                         testing::Values(&ExtendCrc32c,
                                         &internal::ExtendCrc32cByTable));

std::string Counting(int from, int step, int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) {
    bytes.push_back(static_cast<char>(from + i * step));
  }
  return bytes;
}

// RFC 3720, B.4, and the check value of the catalogue of CRCs.
TEST_P(Crc32cTest, GivesTheKnownSums) {
  const Extend extend = GetParam();
  EXPECT_EQ(extend(0, ""), 0u);
  EXPECT_EQ(extend(0, std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(extend(0, std::string(32, '\xFF')), 0x62A8AB43u);
  EXPECT_EQ(extend(0, Counting(0, 1, 32)), 0x46DD794Eu);
  EXPECT_EQ(extend(0, Counting(31, -1, 32)), 0x113FDB5Cu);
  EXPECT_EQ(extend(0, "123456789"), 0xE3069283u);
}

TEST_P(Crc32cTest, GoesOnFromEveryPlace) {
  const Extend extend = GetParam();
  const std::string text = Counting(200, 7, 107);
  for (size_t start = 0; start < 8; ++start) {
    const absl::string_view whole = absl::string_view(text).substr(start);
    const uint32_t sum = extend(0, whole);
    for (size_t split = 0; split <= whole.size(); ++split) {
      const uint32_t first = extend(0, whole.substr(0, split));
      EXPECT_EQ(extend(first, whole.substr(split)), sum)
          << start << " " << split;
    }
  }
}

TEST(Crc32cWaysTest, GiveTheSame) {
  const std::string text = Counting(3, 11, 300);
  for (size_t start = 0; start < 8; ++start) {
    for (size_t size = 0; start + size <= text.size(); ++size) {
      const absl::string_view bytes =
          absl::string_view(text).substr(start, size);
      EXPECT_EQ(ExtendCrc32c(0x12345678, bytes),
                internal::ExtendCrc32cByTable(0x12345678, bytes))
          << start << " " << size;
    }
  }
}

}  // namespace
}  // namespace hubd
