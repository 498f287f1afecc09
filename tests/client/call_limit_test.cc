#include "client/call_limit.h"

#include <gtest/gtest.h>

#include <thread>

namespace hubd {
namespace {

TEST(CallLimitTest, HasNoEndByDefault) {
  const CallLimit limit;
  EXPECT_TRUE(limit.Check().ok());
  EXPECT_EQ(limit.Left(), absl::InfiniteDuration());
  EXPECT_TRUE(limit.Pause(absl::Milliseconds(1)).ok());
}

TEST(CallLimitTest, NamesTheTimeThatIsUp) {
  const CallLimit limit(absl::Milliseconds(20));
  const absl::Status status = limit.Pause(absl::Hours(1));
  EXPECT_TRUE(absl::IsDeadlineExceeded(status));
  EXPECT_EQ(status.message(), "not done within 20ms");
  EXPECT_EQ(limit.Left(), absl::ZeroDuration());
}

TEST(CallLimitTest, CancellationWakesAPauseAndWinsOverTheTime) {
  std::stop_source source;
  const CallLimit limit(absl::Hours(1), source.get_token());
  const std::jthread thread([&] { source.request_stop(); });
  EXPECT_TRUE(absl::IsCancelled(limit.Pause(absl::Hours(1))));
  EXPECT_TRUE(absl::IsCancelled(
      CallLimit(absl::ZeroDuration(), source.get_token()).Check()));
}

}  // namespace
}  // namespace hubd
