#include "server/fetch/lane_count.h"

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace hubd {
namespace {

constexpr int64_t kMib = 1 << 20;

class LaneCountTest : public testing::Test {
 protected:
  // A second in which each lane brings `mib`, and all of them `most` at most,
  // of which the disk takes `disk` at most: for the rest they wait.
  void Second(LaneCount& lanes, int64_t mib, int64_t most,
              int64_t disk = 10'000) {
    Second(lanes, lanes.count(), mib, most, disk);
  }

  // With so many lanes, whatever count() says.
  void Second(LaneCount& lanes, int there, int64_t mib, int64_t most,
              int64_t disk) {
    now_ += absl::Seconds(1);
    const int64_t bytes = std::min(mib * there, most);
    const int64_t taken = std::min(bytes, disk);
    const double idle =
        bytes == 0 ? 0 : there * (1 - static_cast<double>(taken) / bytes);
    lanes.Measure({taken * kMib, absl::Seconds(1), there, idle}, now_);
  }

  // Five seconds in which nothing comes.
  void Silence(LaneCount& lanes) {
    for (int i = 0; i < 5; ++i) Second(lanes, 0, 0);
  }

  void GrowTo16(LaneCount& lanes) {
    for (int i = 0; i < 3; ++i) Second(lanes, 40, 10'000);
    ASSERT_EQ(lanes.count(), 16);
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
  Silence(lanes);
  EXPECT_EQ(lanes.count(), 4);
  Second(lanes, 40, 10'000);
  EXPECT_EQ(lanes.count(), 8);
  Second(lanes, 0, 0);
  EXPECT_EQ(lanes.count(), 4);
}

TEST_F(LaneCountTest, AsManyAsTheDiskTakes) {
  LaneCount lanes(16);
  GrowTo16(lanes);
  // A quarter fewer at most, since the disk may only have paused.
  Second(lanes, 40, 10'000, 100);
  EXPECT_EQ(lanes.count(), 12);
  // Twelve bring 480; eleven bring 440, and hardly any waits.
  for (int i = 0; i < 20; ++i) {
    Second(lanes, 40, 10'000, 400);
    EXPECT_GE(lanes.count(), 10);
    EXPECT_LE(lanes.count(), 12);
  }
  // A faster disk has as many again as the network is worth.
  for (int i = 0; i < 7; ++i) Second(lanes, 40, 10'000);
  EXPECT_EQ(lanes.count(), 16);
}

TEST_F(LaneCountTest, ASlowDiskLeavesSome) {
  LaneCount lanes(16);
  GrowTo16(lanes);
  for (const int left : {12, 9, 6, 4, 4}) {
    Second(lanes, 40, 10'000, 1);
    EXPECT_EQ(lanes.count(), left);
  }
  LaneCount one(1);
  Second(one, 40, 10'000, 1);
  EXPECT_EQ(one.count(), 1);
}

TEST_F(LaneCountTest, OnePauseIsAnsweredOnce) {
  LaneCount lanes(16);
  GrowTo16(lanes);
  // Who waits cannot leave.
  for (int i = 0; i < 4; ++i) Second(lanes, 16, 40, 10'000, 1);
  EXPECT_EQ(lanes.count(), 12);
}

TEST_F(LaneCountTest, FewerThanWantedAreLessOfThem) {
  LaneCount lanes(16);
  GrowTo16(lanes);
  // Others have the connections that one host may have.
  Second(lanes, 8, 40, 10'000, 1);
  EXPECT_EQ(lanes.count(), 6);
}

TEST_F(LaneCountTest, WhetherMoreBringMoreIsSeenWhereNoneWaits) {
  LaneCount lanes(16);
  Second(lanes, 40, 160);
  EXPECT_EQ(lanes.count(), 8);
  Second(lanes, 40, 160, 100);
  EXPECT_EQ(lanes.count(), 6);
  Second(lanes, 40, 160);
  Second(lanes, 40, 160);
  EXPECT_EQ(lanes.count(), 8);
  Second(lanes, 40, 160);
  EXPECT_EQ(lanes.count(), 4);
}

TEST_F(LaneCountTest, SilenceIsNoSignOfAFasterDisk) {
  LaneCount lanes(16);
  GrowTo16(lanes);
  Second(lanes, 40, 10'000, 1);
  Silence(lanes);
  EXPECT_EQ(lanes.count(), 12);
}

TEST_F(LaneCountTest, WhatIsWithheldIsNotHalvedTwice) {
  LaneCount lanes(16);
  GrowTo16(lanes);
  Second(lanes, 40, 10'000, 1);
  EXPECT_EQ(lanes.count(), 12);
  lanes.Halve(now_);
  EXPECT_EQ(lanes.count(), 6);
  Second(lanes, 40, 10'000);
  EXPECT_EQ(lanes.count(), 6);
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
  lanes.Measure({kMib, absl::ZeroDuration(), 4, 0}, now_);
  lanes.Measure({kMib, -absl::Seconds(1), 4, 0}, now_);
  EXPECT_EQ(lanes.count(), 4);
}

}  // namespace
}  // namespace hubd
