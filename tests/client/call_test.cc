#include "client/call.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <thread>
#include <vector>

#include "hubd/v1/hub.grpc.pb.h"
#include "tests/client/fake_daemon.h"
#include "tests/client/started_daemons.h"

namespace hubd {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

class CallTest : public testing::Test {
 protected:
  CallTest() : daemon_(directory_.Below("s")) {
    place_.socket = directory_.Below("s");
  }

  absl::StatusOr<v1::Checkpoint> Fetch(const CallLimit& limit = CallLimit()) {
    return CallStream<v1::Checkpoint>(
        {connection_, place_, limit}, &v1::Hub::Stub::FetchStateDict,
        v1::FetchStateDictRequest(), [this](const v1::Progress& progress) {
          seen_.push_back(progress.done_bytes());
        });
  }
  absl::StatusOr<v1::GetDirResponse> GetDir() {
    const CallLimit limit;
    return CallUnary<v1::Hub>({connection_, place_, limit},
                              &v1::Hub::Stub::GetDir, v1::GetDirRequest());
  }

  TempDir directory_;
  FakeDaemon daemon_;
  DaemonPlace place_;
  Connection connection_;
  std::vector<int64_t> seen_;
};

v1::FetchStateDictResponse ProgressOf(int64_t bytes) {
  v1::FetchStateDictResponse event;
  event.mutable_progress()->set_done_bytes(bytes);
  return event;
}

TEST_F(CallTest, ReportsProgressThenGivesTheResult) {
  daemon_.on_fetch = [](auto&, const auto&, const auto& send) {
    send(ProgressOf(1));
    send(ProgressOf(2));
    v1::FetchStateDictResponse last;
    last.mutable_result()->set_path("/blob");
    send(last);
    return grpc::Status::OK;
  };
  EXPECT_EQ(Fetch()->path(), "/blob");
  EXPECT_THAT(seen_, ElementsAre(1, 2));
}

TEST_F(CallTest, AStreamWithoutAResultIsAnError) {
  daemon_.on_fetch = [](auto&, const auto&, const auto&) {
    return grpc::Status::OK;
  };
  EXPECT_TRUE(absl::IsInternal(Fetch().status()));
}

TEST_F(CallTest, SendsAgainWhenTheDaemonDrains) {
  std::atomic<int> calls = 0;
  daemon_.on_get_dir = [&](auto&, const auto&, auto&) {
    // More often than a lost connection is made up for.
    if (++calls < 8) return Failure(Reason::kDraining, "ending");
    return grpc::Status::OK;
  };
  EXPECT_TRUE(GetDir().ok());
  EXPECT_EQ(calls, 8);
}

TEST_F(CallTest, GivesUpAfterSixLostConnections) {
  daemon_.on_get_dir = [&](auto&, const auto&, auto&) {
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "Socket closed");
  };
  EXPECT_TRUE(absl::IsUnavailable(GetDir().status()));
  EXPECT_EQ(daemon_.requests(), 6);
}

TEST_F(CallTest, DoesNotSendWhatIsTooLarge) {
  v1::FetchStateDictRequest request;
  request.set_url(std::string(5 << 20, 'x'));
  const CallLimit limit;
  const absl::Status status =
      CallStream<v1::Checkpoint>({connection_, place_, limit},
                                 &v1::Hub::Stub::FetchStateDict, request,
                                 nullptr)
          .status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_EQ(daemon_.requests(), 0);
}

TEST_F(CallTest, DoesNotSendAgainWhenTheOriginIsUnavailable) {
  daemon_.on_get_dir = [&](auto&, const auto&, auto&) {
    return Failure(Reason::kUpstreamUnavailable, "the host is down");
  };
  EXPECT_EQ(ReasonOf(GetDir().status()), Reason::kUpstreamUnavailable);
  EXPECT_EQ(daemon_.requests(), 1);
}

TEST_F(CallTest, FindsTheNextDaemonOnTheSameSocket) {
  ASSERT_TRUE(GetDir().ok());
  daemon_.Stop();
  const FakeDaemon next(directory_.Below("s"));
  EXPECT_TRUE(GetDir().ok());
  EXPECT_EQ(next.requests(), 1);
}

TEST_F(CallTest, EndsAtItsDeadlineInTheMiddleOfAStream) {
  daemon_.on_fetch = [](grpc::ServerContext& context, const auto&,
                        const auto& send) {
    send(ProgressOf(1));
    while (!context.IsCancelled()) std::this_thread::yield();
    return grpc::Status::CANCELLED;
  };
  const absl::Status status =
      Fetch(CallLimit(absl::Milliseconds(200))).status();
  EXPECT_EQ(status, absl::DeadlineExceededError("not done within 200ms"));
  EXPECT_THAT(seen_, ElementsAre(1));
}

TEST_F(CallTest, CancellationReachesTheDaemonAtOnce) {
  std::stop_source source;
  std::atomic<bool> told = false;
  daemon_.on_fetch = [&](grpc::ServerContext& context, const auto&,
                         const auto&) {
    source.request_stop();
    while (!context.IsCancelled()) std::this_thread::yield();
    told = true;
    return grpc::Status::CANCELLED;
  };
  const CallLimit limit(absl::InfiniteDuration(), source.get_token());
  EXPECT_TRUE(absl::IsCancelled(Fetch(limit).status()));
  daemon_.Stop();
  EXPECT_TRUE(told);
}

TEST(RestartTest, StartsTheDaemonAgainWhenItDiesInTheMiddleOfACall) {
  StartedDaemons daemons;
  std::ofstream(daemons.Below("die")).put('\n');
  DaemonPlace place;
  place.root = daemons.root();
  place.system_socket = daemons.Below("system");
  Connection connection;
  const CallLimit limit;
  int progress = 0;
  const absl::StatusOr<v1::Checkpoint> checkpoint = CallStream<v1::Checkpoint>(
      {connection, place, limit}, &v1::Hub::Stub::FetchStateDict,
      v1::FetchStateDictRequest(), [&](const v1::Progress&) { ++progress; });
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_EQ(checkpoint->path(), "after a restart");
  EXPECT_GE(progress, 1);
  EXPECT_THAT(daemons.Lines("starts"), SizeIs(2));
}

}  // namespace
}  // namespace hubd
