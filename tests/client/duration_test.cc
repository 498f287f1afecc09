#include "client/duration.h"

#include <gtest/gtest.h>

namespace hubd {
namespace {

TEST(ParseTimeoutTest, ReadsANumberAndItsUnit) {
  EXPECT_EQ(*ParseTimeout("30"), absl::Seconds(30));
  EXPECT_EQ(*ParseTimeout("30s"), absl::Seconds(30));
  EXPECT_EQ(*ParseTimeout("5m"), absl::Minutes(5));
  EXPECT_EQ(*ParseTimeout("1h"), absl::Hours(1));
  EXPECT_EQ(*ParseTimeout("500ms"), absl::Milliseconds(500));
  EXPECT_EQ(*ParseTimeout("1.5s"), absl::Milliseconds(1500));
}

TEST(ParseTimeoutTest, RefusesWhatIsNoTime) {
  for (const char* text :
       {"", "s", "-1", "0", "0s", "1e9", "inf", "nan", "+3", " 3", "3 s", "3d",
        "1m30s", "1..2", "0x10", "0.0000000000000001s"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseTimeout(text).status())) << text;
  }
}

}  // namespace
}  // namespace hubd
