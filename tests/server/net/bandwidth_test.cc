#include "server/net/bandwidth.h"

#include <gtest/gtest.h>

#include <future>
#include <stop_token>
#include <thread>
#include <vector>

#include "tests/testing/fake_clock.h"

namespace hubd {
namespace {

constexpr int64_t kMiB = 1 << 20;
constexpr char kHost[] = "h.org";

class BandwidthTest : public testing::Test {
 protected:
  // Asks for bytes on a thread of its own.
  std::future<absl::Status> Take(int64_t job, int64_t bytes) {
    return std::async(std::launch::async, [this, job, bytes] {
      return bandwidth_.Take(kHost, job, bytes, stop_.get_token());
    });
  }

  // Moves the clock until it is over; how far.
  absl::Duration TimeOf(std::future<absl::Status> taken) {
    const absl::Time begin = clock_.Now();
    while (taken.wait_for(std::chrono::milliseconds(5)) !=
           std::future_status::ready) {
      clock_.Advance(absl::Milliseconds(50));
    }
    EXPECT_TRUE(taken.get().ok());
    return clock_.Now() - begin;
  }

  FakeClock clock_;
  std::stop_source stop_;
  Bandwidth bandwidth_{clock_};
};

TEST_F(BandwidthTest, WithoutALimitNobodyWaits) {
  EXPECT_TRUE(bandwidth_.Take(kHost, 1, 1000 * kMiB, stop_.get_token()).ok());
  ASSERT_TRUE(bandwidth_.LimitHost("other.org", kMiB).ok());
  ASSERT_TRUE(bandwidth_.LimitJob(2, kMiB).ok());
  EXPECT_TRUE(bandwidth_.Take(kHost, 1, 1000 * kMiB, stop_.get_token()).ok());
}

TEST_F(BandwidthTest, EachLimitIsKept) {
  struct Case {
    const char* name;
    absl::Status (*set)(Bandwidth&, int64_t);
  };
  const Case cases[] = {
      {"all", [](Bandwidth& b, int64_t rate) { return b.LimitAll(rate); }},
      {"host",
       [](Bandwidth& b, int64_t rate) { return b.LimitHost("H.org", rate); }},
      {"job", [](Bandwidth& b, int64_t rate) { return b.LimitJob(7, rate); }},
  };
  for (const Case& one : cases) {
    ASSERT_TRUE(one.set(bandwidth_, kMiB).ok());
    EXPECT_GE(TimeOf(Take(7, 2 * kMiB)), absl::Milliseconds(1800)) << one.name;
    EXPECT_TRUE(bandwidth_.IsLimited(kHost, 7)) << one.name;
    ASSERT_TRUE(one.set(bandwidth_, 0).ok());
    EXPECT_FALSE(bandwidth_.IsLimited(kHost, 7)) << one.name;
    EXPECT_TRUE(bandwidth_.Take(kHost, 7, 100 * kMiB, {}).ok()) << one.name;
  }
}

TEST_F(BandwidthTest, ThoseWhoShareALimitHaveItTogether) {
  ASSERT_TRUE(bandwidth_.LimitAll(kMiB).ok());
  std::vector<std::future<absl::Status>> all;
  for (int i = 0; i < 4; ++i) all.push_back(Take(i, kMiB));
  absl::Duration time;
  for (auto& one : all) time += TimeOf(std::move(one));
  EXPECT_GE(time, absl::Milliseconds(3800));
}

TEST_F(BandwidthTest, WhoWasSlowerCatchesUpForAMomentOnly) {
  ASSERT_TRUE(bandwidth_.LimitAll(kMiB).ok());
  clock_.Advance(absl::Hours(1));
  EXPECT_TRUE(bandwidth_.Take(kHost, 1, kMiB / 11, {}).ok());
  EXPECT_GE(TimeOf(Take(1, kMiB)), absl::Milliseconds(800));
}

TEST_F(BandwidthTest, AChangeCountsForThoseWhoWait) {
  ASSERT_TRUE(bandwidth_.LimitJob(1, Bandwidth::kLeast).ok());
  std::future<absl::Status> taken = Take(1, 1000 * kMiB);
  ASSERT_TRUE(bandwidth_.LimitJob(1, 0).ok());
  EXPECT_TRUE(taken.get().ok());
  // Nothing is owed from before.
  ASSERT_TRUE(bandwidth_.LimitJob(1, kMiB).ok());
  EXPECT_LE(TimeOf(Take(1, kMiB)), absl::Seconds(2));
}

TEST_F(BandwidthTest, AStopEndsTheWait) {
  ASSERT_TRUE(bandwidth_.LimitAll(Bandwidth::kLeast).ok());
  std::future<absl::Status> taken = Take(1, 1000 * kMiB);
  stop_.request_stop();
  EXPECT_TRUE(absl::IsCancelled(taken.get()));
}

TEST_F(BandwidthTest, SaysWhichLimitsThereAre) {
  ASSERT_TRUE(bandwidth_.LimitAll(3 * kMiB).ok());
  ASSERT_TRUE(bandwidth_.LimitHost("a.org", 2 * kMiB).ok());
  ASSERT_TRUE(bandwidth_.LimitJob(1, kMiB).ok());
  ASSERT_TRUE(bandwidth_.LimitJob(2, kMiB).ok());
  std::future<absl::Status> waits = Take(1, 1000 * kMiB);
  ASSERT_TRUE(bandwidth_.LimitJob(1, 0).ok());
  EXPECT_EQ(bandwidth_.LimitOfAll(), 3 * kMiB);
  EXPECT_EQ(bandwidth_.LimitsOfHosts(),
            (std::map<std::string, int64_t>{{"a.org", 2 * kMiB}}));
  EXPECT_EQ(bandwidth_.LimitOfJob(1), 0);
  EXPECT_EQ(bandwidth_.LimitOfJob(2), kMiB);
  stop_.request_stop();
  waits.wait();
}

TEST_F(BandwidthTest, RefusesWhatIsNoLimitOrNoHost) {
  using absl::IsInvalidArgument;
  EXPECT_TRUE(IsInvalidArgument(bandwidth_.LimitAll(-1)));
  EXPECT_TRUE(IsInvalidArgument(bandwidth_.LimitJob(1, 1)));
  for (const char* host :
       {"", "a.org:443", "https://a.org", "a.org/x", "u@h", "a b", "\x01"}) {
    EXPECT_TRUE(IsInvalidArgument(bandwidth_.LimitHost(host, kMiB))) << host;
  }
  EXPECT_TRUE(bandwidth_.LimitsOfHosts().empty());
}

}  // namespace
}  // namespace hubd
