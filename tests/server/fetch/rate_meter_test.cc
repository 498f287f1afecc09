#include "server/fetch/rate_meter.h"

#include "gtest/gtest.h"

namespace hubd {
namespace {

constexpr absl::Time kBegin = absl::FromUnixSeconds(1'800'000'000);

absl::Time At(double seconds) { return kBegin + absl::Seconds(seconds); }

TEST(RateMeterTest, KnowsNothingBeforeTheSecondSample) {
  RateMeter meter;
  EXPECT_EQ(meter.BytesPerSecond(At(0)), 0);
  meter.Note(1000, At(0));
  EXPECT_EQ(meter.BytesPerSecond(At(1)), 0);
}

TEST(RateMeterTest, IsSteadyWhereBytesAre) {
  RateMeter meter;
  for (int i = 0; i <= 100; ++i) meter.Note(i * 1000, At(i * 0.1));
  EXPECT_NEAR(meter.BytesPerSecond(At(10)), 10'000, 1);
}

TEST(RateMeterTest, FollowsAChangeWithinSeconds) {
  RateMeter meter;
  int64_t bytes = 0;
  for (int i = 0; i <= 10; ++i) meter.Note(bytes += 1000, At(i));
  for (int i = 11; i <= 13; ++i) meter.Note(bytes += 9000, At(i));
  EXPECT_GT(meter.BytesPerSecond(At(13)), 4000);
  EXPECT_LT(meter.BytesPerSecond(At(13)), 9000);
  for (int i = 14; i <= 40; ++i) meter.Note(bytes += 9000, At(i));
  EXPECT_NEAR(meter.BytesPerSecond(At(40)), 9000, 20);
}

TEST(RateMeterTest, FallsWhileNothingComes) {
  RateMeter meter;
  meter.Note(0, At(0));
  meter.Note(1000, At(1));
  EXPECT_EQ(meter.BytesPerSecond(At(1.5)), 1000);
  EXPECT_LT(meter.BytesPerSecond(At(5)), 400);
  EXPECT_LT(meter.BytesPerSecond(At(60)), 1);
}

TEST(RateMeterTest, BeginsAnewWithTheBytesOrTheClock) {
  RateMeter meter;
  meter.Note(0, At(0));
  meter.Note(1000, At(1));
  meter.Note(10, At(2));
  EXPECT_EQ(meter.BytesPerSecond(At(2)), 0);
  meter.Note(510, At(3));
  EXPECT_EQ(meter.BytesPerSecond(At(3)), 500);
  meter.Note(510, At(1));
  EXPECT_EQ(meter.BytesPerSecond(At(1)), 0);
}

}  // namespace
}  // namespace hubd
