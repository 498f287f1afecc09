#include "server/rpc/cache_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <future>
#include <list>
#include <set>
#include <string>

#include "server/base/fs.h"
#include "tests/server/rpc/rpc_fixture.h"

namespace hubd {
namespace {

class CacheServiceTest : public RpcFixture {
 protected:
  std::unique_ptr<v1::Cache::Stub> cache_ = v1::Cache::NewStub(channel_);
};

TEST_F(CacheServiceTest, ListsTrees) {
  TreeObject tree = PublishTree("hubconf.py");
  grpc::ClientContext context;
  v1::ListTreesResponse response;
  ASSERT_TRUE(cache_->ListTrees(&context, {}, &response).ok());
  ASSERT_EQ(response.trees_size(), 1);
  EXPECT_EQ(response.trees(0).path(), tree.path);
  EXPECT_EQ(response.next_page_token(), "");
}

TEST_F(CacheServiceTest, PagesThroughCheckpoints) {
  for (const char* url : {"https://h/a", "https://h/b"}) {
    http_.Serve(url, url);
    ASSERT_TRUE(FetchCheckpoint({.url = url, .sha256_prefix = ""}).ok());
  }
  std::set<std::string> urls;
  v1::ListCheckpointsRequest request;
  request.set_page_size(1);
  do {
    grpc::ClientContext context;
    v1::ListCheckpointsResponse response;
    ASSERT_TRUE(cache_->ListCheckpoints(&context, request, &response).ok());
    ASSERT_LE(response.checkpoints_size(), 1);
    for (const auto& checkpoint : response.checkpoints()) {
      urls.insert(checkpoint.url());
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(urls, (std::set<std::string>{"https://h/a", "https://h/b"}));
}

TEST_F(CacheServiceTest, VerifyTellsWhatIsDamaged) {
  TreeObject tree = PublishTree("hubconf.py");
  ASSERT_EQ(::chmod((tree.path + "/hubconf.py").c_str(), 0555), 0);
  grpc::ClientContext context;
  auto outcome = ReadAll(*cache_->Verify(&context, {}));
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.error_message();
  const v1::VerifyResult& result = outcome.result->result();
  EXPECT_EQ(result.trees(), 1);
  ASSERT_EQ(result.damages_size(), 1);
  EXPECT_EQ(result.damages(0).kind(), "tree");
  EXPECT_EQ(result.damages(0).path(), tree.path);
  EXPECT_TRUE(result.damages(0).removed());
  EXPECT_TRUE(result.complete());
}

TEST_F(CacheServiceTest, RepairSaysOfEachDamageWhatBecameOfIt) {
  http_.Serve("https://h/w", "bytes");
  const CheckpointObject blob =
      FetchCheckpoint({.url = "https://h/w", .sha256_prefix = ""})->checkpoint;
  TreeObject tree = PublishTree("hubconf.py");
  ASSERT_TRUE(RemoveAll(blob.path).ok());
  ASSERT_TRUE(RemoveAll(tree.path).ok());
  v1::RepairRequest request;
  request.set_offline(true);
  grpc::ClientContext context;
  auto outcome = ReadAll(*cache_->Repair(&context, request));
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.error_message();
  const v1::VerifyResult& result = outcome.result->result();
  ASSERT_EQ(result.damages_size(), 2);
  for (const v1::Damage& damage : result.damages()) {
    EXPECT_FALSE(damage.repaired());
    EXPECT_NE(damage.unrepaired().find("offline"), std::string::npos)
        << damage.unrepaired();
  }
}

TEST_F(CacheServiceTest, RepairOfARepoThatIsNoneIsRefused) {
  grpc::ClientContext context;
  v1::RepairRequest request;
  request.mutable_verify()->set_repo("no-slash");
  auto outcome = ReadAll(*cache_->Repair(&context, request));
  EXPECT_EQ(ReasonIn(outcome.status), "INVALID_REPO");
}

TEST_F(CacheServiceTest, VerifyOfARepoThatIsNoneIsRefused) {
  grpc::ClientContext context;
  v1::VerifyRequest request;
  request.set_repo("no-slash");
  auto outcome = ReadAll(*cache_->Verify(&context, request));
  EXPECT_EQ(ReasonIn(outcome.status), "INVALID_REPO");
}

TEST_F(CacheServiceTest, ImportTakesACacheInAndTrustsForItsCaller) {
  const std::string old = temp_.Below("old");
  ASSERT_TRUE(MakeDirectories(old + "/o_r_main", 0755).ok());
  ASSERT_TRUE(WriteFileDurably(old + "/o_r_main/hubconf.py", "", 0644).ok());
  ASSERT_TRUE(WriteFileDurably(old + "/trusted_list", "o_r\n", 0644).ok());
  v1::ImportRequest request;
  request.set_directory(old);
  grpc::ClientContext context;
  auto outcome = ReadAll(*cache_->Import(&context, request));
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.error_message();
  const v1::ImportResult& result = outcome.result->result();
  EXPECT_EQ(result.trees(), 1);
  EXPECT_EQ(result.trusted(), 1);
  ASSERT_EQ(result.entries_size(), 2);
  EXPECT_EQ(result.entries(0).kind(), "tree");
  EXPECT_TRUE(store_->catalog()
                  .LookupTrust(::geteuid(), {"github.com", "o", "r"}, old)
                  ->has_value());
}

TEST_F(CacheServiceTest, ImportOfNoAbsolutePathIsRefused) {
  v1::ImportRequest request;
  request.set_directory("old");
  grpc::ClientContext context;
  EXPECT_EQ(ReadAll(*cache_->Import(&context, request)).status.error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

// Of a flight that runs until it is stopped.
class JobsTest : public CacheServiceTest {
 protected:
  JobsTest() {
    FakeHttpTransport::Answer answer;
    answer.response.status = 200;
    answer.body = "weights";
    answer.held = true;
    http_.Set("https://h.org/w?signature=secret", answer);
  }

  std::future<absl::StatusOr<CheckpointResult>> Fetch() {
    CheckpointRequest request;
    request.url = "https://h.org/w?signature=secret";
    request.uid = ::getuid();
    auto result = StartCheckpoint(request);
    http_.AwaitRequests(1);
    return result;
  }

  v1::ListJobsResponse List() {
    grpc::ClientContext context;
    v1::ListJobsResponse jobs;
    EXPECT_TRUE(cache_->ListJobs(&context, {}, &jobs).ok());
    return jobs;
  }
};

TEST_F(JobsTest, AreListedWithoutSecrets) {
  EXPECT_EQ(List().jobs_size(), 0);
  auto fetched = Fetch();
  const v1::ListJobsResponse jobs = List();
  ASSERT_EQ(jobs.jobs_size(), 1);
  EXPECT_EQ(jobs.jobs(0).kind(), "checkpoint");
  EXPECT_EQ(jobs.jobs(0).subject(), "https://h.org/w");
  EXPECT_EQ(jobs.jobs(0).uids(0), ::getuid());
}

TEST_F(JobsTest, AreCancelledForThoseWhoWait) {
  auto fetched = Fetch();
  grpc::ClientContext context;
  v1::CancelJobRequest request;
  request.set_id(List().jobs(0).id());
  v1::CancelJobResponse response;
  ASSERT_TRUE(cache_->CancelJob(&context, request, &response).ok());
  EXPECT_EQ(response.job().subject(), "https://h.org/w");
  EXPECT_EQ(ReasonOf(fetched.get().status()), Reason::kJobCancelled);
  grpc::ClientContext again;
  EXPECT_EQ(cache_->CancelJob(&again, request, &response).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST_F(JobsTest, AreWatchedAsTheyComeAndGo) {
  grpc::ClientContext context;
  auto reader = cache_->WatchJobs(&context, {});
  v1::ListJobsResponse jobs;
  ASSERT_TRUE(reader->Read(&jobs));
  EXPECT_EQ(jobs.jobs_size(), 0);
  auto fetched = Fetch();
  ASSERT_TRUE(reader->Read(&jobs));
  EXPECT_EQ(jobs.jobs_size(), 1);
  EXPECT_EQ(server_->open_calls(), 0) << "nobody waits for its end";
  http_.Release();
  ASSERT_TRUE(fetched.get().ok());
  while (jobs.jobs_size() > 0) ASSERT_TRUE(reader->Read(&jobs));
  context.TryCancel();
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(JobsTest, AUserWatchesThemSixteenTimesAtMost) {
  struct Watch {
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReader<v1::ListJobsResponse>> reader;
  };
  std::list<Watch> watches;
  v1::ListJobsResponse jobs;
  const auto begins = [&] {
    Watch& watch = watches.emplace_back();
    watch.reader = cache_->WatchJobs(&watch.context, {});
    return watch.reader->Read(&jobs);
  };
  for (int i = 0; i < 16; ++i) ASSERT_TRUE(begins()) << i;
  ASSERT_FALSE(begins());
  const grpc::Status refused = watches.back().reader->Finish();
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(refused.error_message(), ::testing::HasSubstr("16 times"));
  watches.pop_back();
  for (Watch& watch : watches) {
    watch.context.TryCancel();
    watch.reader->Finish();
  }
  watches.clear();
}

TEST_F(JobsTest, LimitsAreSetAndShown) {
  grpc::ClientContext context;
  v1::SetLimitRequest request;
  request.set_host("h.org");
  request.set_bytes_per_second(1 << 20);
  v1::SetLimitResponse response;
  ASSERT_TRUE(cache_->SetLimit(&context, request, &response).ok());
  EXPECT_EQ(List().host_limits().at("h.org"), 1 << 20);
  request.set_bytes_per_second(1);
  grpc::ClientContext again;
  EXPECT_EQ(cache_->SetLimit(&again, request, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(CacheServiceTest, PruneRemovesPartialsThatNobodyHas) {
  const std::string url = "https://h/w";
  ASSERT_TRUE(store_->OpenPartial(url, url, {}).ok());
  const absl::StatusOr<Partial> used =
      store_->OpenPartial(url, "https://mirror/w", {});
  v1::PruneRequest request;
  request.set_partials(true);
  v1::PruneResponse response;
  grpc::ClientContext context;
  ASSERT_TRUE(cache_->Prune(&context, request, &response).ok());
  EXPECT_EQ(response.removed(), 1);
  EXPECT_EQ(response.in_use(), 1);
  EXPECT_EQ(ListDirectory(store_->layout().partials())->size(), 1u);
}

TEST_F(CacheServiceTest, PruneOfNothingIsRefused) {
  v1::PruneResponse response;
  grpc::ClientContext context;
  EXPECT_EQ(cache_->Prune(&context, {}, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(CacheServiceTest, ANegativePageSizeIsRefused) {
  grpc::ClientContext context;
  v1::ListTreesRequest request;
  request.set_page_size(-1);
  v1::ListTreesResponse response;
  EXPECT_EQ(cache_->ListTrees(&context, request, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace hubd
