#include "server/fetch/lane_count.h"

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace hubd {
namespace {

constexpr int64_t kMib = 1 << 20;

class LaneCountTest : public testing::Test {
 protected:
  // A second in which each lane brings `mib`, and all of them `most` at most.
  void Second(LaneCount& lanes, int64_t mib, int64_t most) {
    now_ += absl::Seconds(1);
    lanes.Measure(std::min(mib * lanes.count(), most) * kMib, absl::Seconds(1),
                  now_);
  }

  absl::Time now_ = absl::UnixEpoch();
};

TEST_F(LaneCountTest, GrowsWhileMoreBringMore) {
  LaneCount lanes(16);
  EXPECT_EQ(lanes.count(), 4);
  Second(lanes, 40, 10'000);
  EXPECT_EQ(lanes.count(), 8);
  Second(lanes, 40, 10'000);
  EXPECT_EQ(lanes.count(), 16);
  Second(lanes, 40, 10'000);
  EXPECT_EQ(lanes.count(), 16);
}

TEST_F(LaneCountTest, GoesBackWhereMoreBringNoMore) {
  LaneCount lanes(16);
  Second(lanes, 40, 200);
  EXPECT_EQ(lanes.count(), 8);
  Second(lanes, 40, 190);
  EXPECT_EQ(lanes.count(), 4);
  // For a while.
  for (int i = 0; i < 14; ++i) Second(lanes, 40, 10'000);
  EXPECT_EQ(lanes.count(), 4);
  Second(lanes, 40, 10'000);
  EXPECT_EQ(lanes.count(), 8);
}

TEST_F(LaneCountTest, NeverMoreThanTheMost) {
  EXPECT_EQ(LaneCount(1).count(), 1);
  EXPECT_EQ(LaneCount(3).count(), 3);
  LaneCount lanes(6);
  Second(lanes, 40, 10'000);
  EXPECT_EQ(lanes.count(), 6);
}

TEST_F(LaneCountTest, BacksOffToOne) {
  LaneCount lanes(16);
  Second(lanes, 40, 10'000);
  lanes.Halve(now_);
  EXPECT_EQ(lanes.count(), 4);
  Second(lanes, 40, 10'000);
  EXPECT_EQ(lanes.count(), 4);
  for (int i = 0; i < 5; ++i) lanes.Halve(now_);
  EXPECT_EQ(lanes.count(), 1);
}

TEST_F(LaneCountTest, OneFewerAfterABreak) {
  LaneCount lanes(16);
  Second(lanes, 40, 10'000);
  lanes.DropOne();
  EXPECT_EQ(lanes.count(), 7);
  // Some hosts end each connection after a while.
  Second(lanes, 40, 10'000);
  EXPECT_EQ(lanes.count(), 14);
  for (int i = 0; i < 20; ++i) lanes.DropOne();
  EXPECT_EQ(lanes.count(), 1);
}

TEST_F(LaneCountTest, SilenceIsNoReasonForMore) {
  LaneCount lanes(16);
  for (int i = 0; i < 5; ++i) Second(lanes, 0, 0);
  EXPECT_EQ(lanes.count(), 4);
  Second(lanes, 40, 10'000);
  EXPECT_EQ(lanes.count(), 8);
  Second(lanes, 0, 0);
  EXPECT_EQ(lanes.count(), 4);
}

TEST_F(LaneCountTest, AHostMaySayForHowLong) {
  LaneCount lanes(16);
  lanes.Halve(now_, now_ + absl::Seconds(40));
  for (int i = 0; i < 39; ++i) Second(lanes, 40, 10'000);
  EXPECT_EQ(lanes.count(), 2);
  Second(lanes, 40, 10'000);
  EXPECT_EQ(lanes.count(), 4);
}

TEST_F(LaneCountTest, NoTimeTellsNothing) {
  LaneCount lanes(16);
  lanes.Measure(kMib, absl::ZeroDuration(), now_);
  lanes.Measure(kMib, -absl::Seconds(1), now_);
  EXPECT_EQ(lanes.count(), 4);
}

}  // namespace
}  // namespace hubd
