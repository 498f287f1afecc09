#include "server/fetch/unpack_meter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/base/status.h"
#include "server/store/space.h"

namespace hubd {
namespace {

using ::testing::HasSubstr;

void ExpectLimit(const absl::Status& status, const std::string& text) {
  EXPECT_EQ(ReasonOf(status), Reason::kBadArchive);
  EXPECT_THAT(std::string(status.message()), HasSubstr(text));
}

TEST(UnpackMeterTest, NamesTheLimitOfEntries) {
  UnpackMeter meter({.max_entries = 2}, {});
  EXPECT_TRUE(meter.CountEntry().ok());
  EXPECT_TRUE(meter.CountEntry().ok());
  ExpectLimit(meter.CountEntry(),
              "over 2 entries; the limit is [tree] max_entries");
}

TEST(UnpackMeterTest, NamesTheLimitOfBytes) {
  UnpackMeter meter({.max_bytes = 10}, {});
  EXPECT_TRUE(meter.CountUnpacked(10).ok());
  ExpectLimit(meter.CountUnpacked(1),
              "over 10 bytes; the limit is [tree] max_bytes");
}

TEST(UnpackMeterTest, JudgesTheRatioOnlyAfterOneMebibyte) {
  UnpackMeter meter({.max_ratio = 100}, {});
  EXPECT_TRUE(meter.CountCompressed(1).ok());
  EXPECT_TRUE(meter.CountUnpacked(1 << 20).ok());
  ExpectLimit(meter.CountUnpacked(1),
              "over 100 times its size; the limit is [tree] max_ratio");
  EXPECT_TRUE(meter.CountCompressed(1 << 20).ok());
  EXPECT_TRUE(meter.CountUnpacked(50 << 20).ok());
}

TEST(UnpackMeterTest, SaysWhenAStopIsRequested) {
  std::stop_source stop;
  UnpackMeter meter({}, stop.get_token());
  EXPECT_TRUE(meter.CountEntry().ok());
  stop.request_stop();
  EXPECT_TRUE(absl::IsCancelled(meter.CountEntry()));
  EXPECT_TRUE(absl::IsCancelled(meter.CountCompressed(1)));
  EXPECT_TRUE(absl::IsCancelled(meter.CountUnpacked(1)));
}

TEST(UnpackMeterTest, TakesTheRoomForWhatItCounts) {
  Space space({.path = "/", .min_free = 0, .max_bytes = 2 << 20, .usage = [] {
                 return absl::StatusOr<int64_t>(0);
               }});
  UnpackMeter meter({}, {}, *space.Reserve(0));
  ASSERT_TRUE(meter.CountCompressed(1 << 20).ok());
  ASSERT_TRUE(meter.CountUnpacked(1).ok());
  EXPECT_EQ(ReasonOf(space.Reserve((1 << 20) + 2).status()), Reason::kDiskFull);
  EXPECT_EQ(ReasonOf(meter.CountUnpacked(3 << 20)), Reason::kDiskFull);
}

}  // namespace
}  // namespace hubd
