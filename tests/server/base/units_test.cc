#include "server/base/units.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hubd {
namespace {

using ::testing::HasSubstr;

TEST(UnitsTest, ReadsDurations) {
  const std::pair<const char*, absl::Duration> kCases[] = {
      {"500ms", absl::Milliseconds(500)}, {"30s", absl::Seconds(30)},
      {"5m", absl::Minutes(5)},           {"1h", absl::Hours(1)},
      {"45", absl::Seconds(45)},          {"0", absl::ZeroDuration()},
  };
  for (const auto& [text, expected] : kCases) {
    auto duration = ParseDuration(text);
    ASSERT_TRUE(duration.ok()) << text;
    EXPECT_EQ(*duration, expected) << text;
  }
}

TEST(UnitsTest, RefusesWhatIsNoDuration) {
  for (const char* text :
       {"", "s", "-1s", "+1s", "1.5s", "1 s", "5 parsecs", "1S", "1s ",
        "99999999999999999999s", "9223372036854775807h"}) {
    auto duration = ParseDuration(text);
    ASSERT_FALSE(duration.ok()) << text;
    EXPECT_THAT(duration.status().message(), HasSubstr("expected a duration"));
    EXPECT_THAT(duration.status().message(), HasSubstr(text));
  }
}

TEST(UnitsTest, ReadsSizes) {
  const std::pair<const char*, int64_t> kCases[] = {
      {"64KiB", 64 << 10},
      {"2GiB", int64_t{2} << 30},
      {"3MiB", 3 << 20},
      {"1TiB", int64_t{1} << 40},
      {"1KB", 1000},
      {"7MB", 7'000'000},
      {"1GB", 1'000'000'000},
      {"2TB", 2'000'000'000'000},
      {"12B", 12},
      {"4096", 4096},
  };
  for (const auto& [text, expected] : kCases) {
    auto size = ParseSize(text);
    ASSERT_TRUE(size.ok()) << text;
    EXPECT_EQ(*size, expected) << text;
  }
}

TEST(UnitsTest, RefusesWhatIsNoSize) {
  for (const char* text : {"", "GiB", "-1", "1.5GiB", "1 GiB", "1gib", "1G",
                           "9223372036854775807KiB"}) {
    auto size = ParseSize(text);
    ASSERT_FALSE(size.ok()) << text;
    EXPECT_THAT(size.status().message(), HasSubstr("expected a size"));
  }
}

}  // namespace
}  // namespace hubd
