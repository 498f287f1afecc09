#include "client/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "server/base/status.h"
#include "tests/client/environment_scope.h"
#include "tests/client/fake_daemon.h"
#include "tests/server/base/temp_dir.h"

namespace hubd {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class ClientTest : public testing::Test {
 protected:
  ClientTest() : daemon_(directory_.Below("s")) {}

  Client MakeClient(ClientOptions options = {}) {
    options.socket = directory_.Below("s");
    return Client(options);
  }

  EnvironmentScope environment_;
  TempDir directory_;
  FakeDaemon daemon_;
};

TEST_F(ClientTest, ListSendsTheRepoAndTheInterpreter) {
  daemon_.list.add_entrypoints()->set_name("resnet18");
  Client client = MakeClient();
  const absl::StatusOr<v1::ListResult> result =
      client.List({.repo = "hubd/sample:main",
                   .default_ref = v1::DEFAULT_REF_MASTER,
                   .refresh = true,
                   .skip_validation = true});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->entrypoints(0).name(), "resnet18");
  const v1::ListRequest request = daemon_.last_list();
  EXPECT_EQ(request.tree().repo(), "hubd/sample:main");
  EXPECT_EQ(request.tree().default_ref(), v1::DEFAULT_REF_MASTER);
  EXPECT_TRUE(request.tree().refresh());
  EXPECT_TRUE(request.tree().skip_validation());
  EXPECT_FALSE(request.tree().offline());
  EXPECT_THAT(request.interpreter().executable(), StartsWith("/"));
}

TEST_F(ClientTest, HelpNamesTheEntrypoint) {
  daemon_.help.set_doc("A model.");
  Client client = MakeClient();
  EXPECT_EQ(client.Help({.repo = "a/b"}, "net")->doc(), "A model.");
  EXPECT_EQ(daemon_.last_help().entrypoint(), "net");
  EXPECT_THAT(daemon_.last_help().interpreter().prefix(), StartsWith("/"));
}

TEST_F(ClientTest, LoadSendsWhetherTrustIsNeeded) {
  Client client = MakeClient();
  const absl::StatusOr<v1::LoadResult> result =
      client.Load({.repo = "a/b"}, {.require_trust = true, .hub_dir = "/h"});
  EXPECT_EQ(result->tree().path(), "/cache/store/trees/sample");
  EXPECT_TRUE(daemon_.last_load().require_trust());
  EXPECT_EQ(daemon_.last_load().hub_dir(), "/h");
}

TEST_F(ClientTest, FetchSendsAllItsOptions) {
  Client client = MakeClient({.offline = true});
  ASSERT_TRUE(client
                  .FetchStateDict({.url = "https://example.com/m",
                                   .sha256_prefix = "abcd",
                                   .refresh = true,
                                   .reject_pages = true,
                                   .unpack = true})
                  .ok());
  const v1::FetchStateDictRequest request = daemon_.last_fetch();
  EXPECT_EQ(request.url(), "https://example.com/m");
  EXPECT_EQ(request.sha256_prefix(), "abcd");
  EXPECT_TRUE(request.refresh());
  EXPECT_TRUE(request.reject_pages());
  EXPECT_TRUE(request.unpack());
  EXPECT_TRUE(request.offline());
}

TEST_F(ClientTest, FetchLendsTheNetworkAlone) {
  environment_.Set("https_proxy", "http://p:1");
  environment_.Set("GITHUB_TOKEN", "secret");
  Client client = MakeClient();
  ASSERT_TRUE(client.FetchStateDict({.url = "https://example.com/m"}).ok());
  auto lent = daemon_.last_fetch().environment();
  EXPECT_EQ(lent["https_proxy"], "http://p:1");
  EXPECT_EQ(lent.count("GITHUB_TOKEN"), 0u);
}

TEST_F(ClientTest, ReadsTheEnvironmentWhenACallIsMade) {
  Client client = MakeClient();
  environment_.Set("HUBD_OFFLINE", "1");
  ASSERT_TRUE(client.Load({.repo = "a/b"}).ok());
  EXPECT_TRUE(daemon_.last_load().tree().offline());
  environment_.Set("HUBD_OFFLINE", "0");
  ASSERT_TRUE(client.Load({.repo = "a/b"}).ok());
  EXPECT_FALSE(daemon_.last_load().tree().offline());
}

TEST_F(ClientTest, TimeoutComesFromTheEnvironmentUnlessTheCallHasOne) {
  daemon_.on_get_dir = [](grpc::ServerContext& context, const auto&, auto&) {
    while (!context.IsCancelled()) std::this_thread::yield();
    return grpc::Status::CANCELLED;
  };
  Client client = MakeClient();
  environment_.Set("HUBD_TIMEOUT", "100ms");
  EXPECT_EQ(client.GetDir().status().message(), "not done within 100ms");
  EXPECT_EQ(
      client.GetDir({.timeout = absl::Milliseconds(50)}).status().message(),
      "not done within 50ms");
}

TEST_F(ClientTest, ListsAllPages) {
  for (int i = 0; i < 3; ++i) {
    daemon_.trees.emplace_back().set_ref(std::to_string(i));
    daemon_.checkpoints.emplace_back().set_url(std::to_string(i));
    daemon_.entries.emplace_back().set_repo(std::to_string(i));
  }
  Client client = MakeClient();
  const std::vector<v1::Tree> trees = *client.ListTrees();
  ASSERT_EQ(trees.size(), 3u);
  EXPECT_EQ(trees[2].ref(), "2");
  const std::vector<v1::Checkpoint> checkpoints = *client.ListCheckpoints();
  ASSERT_EQ(checkpoints.size(), 3u);
  EXPECT_EQ(checkpoints[2].url(), "2");
  const std::vector<v1::TrustEntry> entries = *client.ListTrust();
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[2].repo(), "2");
}

TEST_F(ClientTest, ChangesAndChecksTrust) {
  Client client = MakeClient();
  EXPECT_EQ(client.AddTrust("a/b", "/h")->entry().hub_dir(), "/h");
  EXPECT_EQ(client.RemoveTrust("a/b", "", true)->removed(), 2);
  EXPECT_TRUE(daemon_.last_remove().everywhere());
  EXPECT_TRUE(client.CheckTrust("a/b")->trusted());
}

TEST_F(ClientTest, PrunesPartials) {
  daemon_.pruned.set_removed(3);
  EXPECT_EQ(MakeClient().PrunePartials()->removed(), 3);
  EXPECT_TRUE(daemon_.last_prune().partials());
}

TEST_F(ClientTest, VerifyIsSentAgainOnlyWhereItHasNotBegun) {
  const grpc::Status lost(grpc::StatusCode::UNAVAILABLE, "Socket closed");
  const grpc::Status draining = Failure(Reason::kDraining, "ending");
  Client client = MakeClient();
  for (const grpc::Status& failure : {lost, draining}) {
    for (const bool begun : {false, true}) {
      std::atomic<int> calls = 0;
      daemon_.on_verify = [&](auto&, const auto&, const auto& send) {
        v1::VerifyResponse event;
        event.mutable_progress()->set_phase(v1::Progress::QUEUED);
        send(event);
        event.mutable_progress()->set_phase(v1::Progress::VERIFYING);
        if (calls == 0 && begun) send(event);
        if (++calls == 1) return failure;
        event.mutable_result()->set_complete(true);
        send(event);
        return grpc::Status::OK;
      };
      const absl::Status status = client.Verify().status();
      EXPECT_EQ(status.code(),
                begun ? absl::StatusCode::kAborted : absl::StatusCode::kOk);
      EXPECT_EQ(calls, begun ? 1 : 2);
      EXPECT_THAT(status.message(), HasSubstr(begun ? "run it again" : ""));
    }
  }
}

TEST_F(ClientTest, AWatchIsLostAsOftenAsItHasBegunAndGoesOn) {
  int calls = 0;
  daemon_.on_watch = [&](auto&, const auto&, const auto&) {
    // More often than one call is made up for.
    if (++calls < 12) return Failure(Reason::kDraining, "ending");
    if (calls < 24) {
      return grpc::Status(grpc::StatusCode::UNAVAILABLE, "Socket closed");
    }
    return Failure(Reason::kNotYours, "no more");
  };
  int told = 0;
  Client client = MakeClient();
  const absl::Status end =
      client.WatchJobs([&](const v1::ListJobsResponse&) { ++told; });
  EXPECT_EQ(ReasonOf(end), Reason::kNotYours) << end;
  EXPECT_EQ(told, 24);
}

TEST_F(ClientTest, ManyThreadsShareOneClient) {
  Client client = MakeClient();
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] { EXPECT_TRUE(client.GetStatus().ok()); });
    }
  }
  EXPECT_EQ(daemon_.requests(), 8);
}

TEST_F(ClientTest, SaysThatNoDaemonAnswers) {
  Client client({.socket = directory_.Below("none")});
  const absl::Status status = client.GetStatus().status();
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_EQ(ReasonOf(status), std::nullopt);
}

}  // namespace
}  // namespace hubd
