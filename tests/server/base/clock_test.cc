#include "server/base/clock.h"

#include <stop_token>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace hubd {
namespace {

TEST(ClockTest, SleepsAsLongAsIsSaid) {
  const RealClock clock;
  const absl::Time begin = absl::Now();
  EXPECT_TRUE(clock.Sleep(absl::Milliseconds(2), {}).ok());
  EXPECT_GE(absl::Now() - begin, absl::Milliseconds(1));
  EXPECT_TRUE(clock.Sleep(-absl::Seconds(1), {}).ok());
}

TEST(ClockTest, AStopWakes) {
  const RealClock clock;
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(absl::IsCancelled(clock.Sleep(absl::Hours(1), stop.get_token())));
}

}  // namespace
}  // namespace hubd
