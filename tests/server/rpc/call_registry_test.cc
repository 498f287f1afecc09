#include "server/rpc/call_registry.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "absl/time/clock.h"
#include "server/base/status.h"

namespace hubd {
namespace {

using std::chrono::steady_clock;

class FakeCall final : public Call {
 public:
  void Fail(const absl::Status& status) override { failed = status; }
  absl::Status failed;
};

bool IsDraining(const absl::Status& status) {
  return ReasonOf(status) == Reason::kDraining;
}

TEST(CallRegistryTest, CountsOpenCallsWithoutBackgroundOnes) {
  CallRegistry calls;
  auto call = std::make_shared<FakeCall>();
  absl::Time made = calls.idle_since();
  uint64_t id = calls.Open(call, {.method = "Load"});
  uint64_t host = calls.Open(call, {.method = "Serve", .background = true});
  EXPECT_EQ(calls.open_calls(), 1);
  absl::Time before = absl::Now();
  calls.Close(id, absl::OkStatus());
  EXPECT_EQ(calls.open_calls(), 0);
  absl::Time idle = calls.idle_since();
  EXPECT_GE(idle, before);
  EXPECT_GE(before, made);
  calls.Close(host, absl::OkStatus());
  EXPECT_EQ(calls.idle_since(), idle);
}

TEST(CallRegistryTest, WhoWatchesKeepsTheDaemonAwakeButNoDrainWaiting) {
  CallRegistry calls;
  auto watch = std::make_shared<FakeCall>();
  const absl::Time made = calls.idle_since();
  const uint64_t id = calls.Open(
      watch, {.method = "WatchJobs", .background = true, .watched = true});
  EXPECT_EQ(calls.open_calls(), 0);
  EXPECT_GT(calls.idle_since(), made);
  const absl::Time before = absl::Now();
  EXPECT_GE(calls.idle_since(), before);
  calls.Close(id, absl::OkStatus());
  const absl::Time idle = calls.idle_since();
  EXPECT_GE(idle, before);
  EXPECT_EQ(calls.idle_since(), idle);
}

TEST(CallRegistryTest, DrainingTurnsAwayNewCallsButNotWorkerHosts) {
  CallRegistry calls;
  auto old = std::make_shared<FakeCall>();
  auto fresh = std::make_shared<FakeCall>();
  auto host = std::make_shared<FakeCall>();
  calls.Open(old, {.method = "Load"});
  calls.BeginDrain();
  calls.Open(fresh, {.method = "Load"});
  calls.Open(host, {.method = "Serve", .background = true});
  EXPECT_TRUE(old->failed.ok());
  EXPECT_TRUE(IsDraining(fresh->failed));
  EXPECT_TRUE(host->failed.ok());
}

TEST(CallRegistryTest, ShutsAConnectionOfTooManyOpenCalls) {
  CallRegistry calls;
  auto call = std::make_shared<FakeCall>();
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
  char byte;
  const CallInfo info{.method = "GetDir", .connection = ends[0]};
  // Calls that have ended do not count.
  for (int i = 0; i < CallRegistry::kMaxPerConnection; ++i) {
    calls.Close(calls.Open(call, info), absl::OkStatus());
    calls.Open(call, info);
  }
  EXPECT_EQ(::read(ends[1], &byte, 1), -1);
  EXPECT_EQ(errno, EAGAIN);
  calls.Open(call, info);
  EXPECT_EQ(::read(ends[1], &byte, 1), 0);
  for (int end : ends) ::close(end);
}

TEST(CallRegistryTest, FailAllEndsThoseThatAreOpenAndThoseThatCome) {
  CallRegistry calls;
  auto open = std::make_shared<FakeCall>();
  auto host = std::make_shared<FakeCall>();
  auto late = std::make_shared<FakeCall>();
  calls.Open(open, {.method = "Load"});
  calls.Open(host, {.method = "Serve", .background = true});
  calls.FailAll();
  calls.Open(late, {.method = "Serve", .background = true});
  EXPECT_TRUE(IsDraining(open->failed));
  EXPECT_TRUE(IsDraining(host->failed));
  EXPECT_TRUE(IsDraining(late->failed));
}

TEST(CallRegistryTest, AwaitNoneWaitsForTheLastAndNotBeyondTheDeadline) {
  CallRegistry calls;
  auto call = std::make_shared<FakeCall>();
  uint64_t id = calls.Open(call, {.method = "Load"});
  EXPECT_FALSE(
      calls.AwaitNone(steady_clock::now() + std::chrono::milliseconds(1)));
  std::jthread closer([&] { calls.Close(id, absl::OkStatus()); });
  EXPECT_TRUE(calls.AwaitNone(steady_clock::now() + std::chrono::minutes(1)));
}

}  // namespace
}  // namespace hubd
