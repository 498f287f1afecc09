#include "client/cli/human.h"

#include <gtest/gtest.h>

#include <limits>

namespace hubd {
namespace {

TEST(HumanSizeTest, HasAboutTwoDigits) {
  EXPECT_EQ(HumanSize(0), "0 B");
  EXPECT_EQ(HumanSize(999), "999 B");
  EXPECT_EQ(HumanSize(1000), "1.0 kB");
  EXPECT_EQ(HumanSize(9949), "9.9 kB");
  EXPECT_EQ(HumanSize(9960), "10 kB");
  EXPECT_EQ(HumanSize(999499), "999 kB");
  EXPECT_EQ(HumanSize(999500), "1.0 MB");
  EXPECT_EQ(HumanSize(1900000000), "1.9 GB");
  EXPECT_EQ(HumanSize(std::numeric_limits<int64_t>::max()), "9223 PB");
}

TEST(HumanAgeTest, NamesTheLargestUnit) {
  EXPECT_EQ(HumanAge(-absl::Hours(1)), "just now");
  EXPECT_EQ(HumanAge(absl::Seconds(59)), "just now");
  EXPECT_EQ(HumanAge(absl::Seconds(60)), "1 minute ago");
  EXPECT_EQ(HumanAge(absl::Minutes(119)), "1 hour ago");
  EXPECT_EQ(HumanAge(absl::Hours(4 * 24 + 23)), "4 days ago");
  EXPECT_EQ(HumanAge(absl::Hours(61 * 24)), "2 months ago");
  EXPECT_EQ(HumanAge(absl::Hours(800 * 24)), "2 years ago");
}

TEST(HumanDurationTest, NamesTwoUnits) {
  EXPECT_EQ(HumanDuration(absl::Milliseconds(900)), "0 s");
  EXPECT_EQ(HumanDuration(absl::Seconds(59)), "59 s");
  EXPECT_EQ(HumanDuration(absl::Seconds(125)), "2 m 5 s");
  EXPECT_EQ(HumanDuration(absl::Minutes(200)), "3 h 20 m");
  EXPECT_EQ(HumanDuration(absl::Hours(51)), "2 d 3 h");
}

}  // namespace
}  // namespace hubd
