#include "server/rpc/hub_service.h"

#include <gmock/gmock.h>

#include <chrono>
#include <future>
#include <thread>

#include "server/base/stat_in_memory.h"
#include "server/rpc/host_stream.h"
#include "tests/server/base/memory_answers.h"
#include "tests/server/rpc/rpc_fixture.h"

namespace hubd {
namespace {

using ::testing::HasSubstr;
using worker::v1::DaemonMessage;
using worker::v1::HostMessage;
using worker::v1::JobDone;

class HubServiceTest : public RpcFixture {
 protected:
  // Plays a worker host that answers one job.
  std::jthread PlayHost(JobDone done) {
    return std::jthread([this, done]() mutable {
      auto stream = *OpenHostStream(socket());
      HostMessage message;
      message.mutable_hello()->set_sandbox("full");
      stream->Write(message);
      std::optional<DaemonMessage> job = stream->Read();
      ASSERT_TRUE(job && job->has_start());
      start_ = job->start();
      done.set_job_id(start_.job_id());
      *message.mutable_done() = done;
      stream->Write(message);
      stream->Read();
    });
  }

  Outcome<v1::ListResponse> List(const v1::ListRequest& request) {
    grpc::ClientContext context;
    return ReadAll<v1::ListResponse>(*hub_->List(&context, request));
  }

  Outcome<v1::HelpResponse> Help(const v1::HelpRequest& request) {
    grpc::ClientContext context;
    return ReadAll<v1::HelpResponse>(*hub_->Help(&context, request));
  }

  Outcome<v1::LoadResponse> Load(const v1::LoadRequest& request) {
    grpc::ClientContext context;
    return ReadAll<v1::LoadResponse>(*hub_->Load(&context, request));
  }

  Outcome<v1::FetchStateDictResponse> Fetch(
      const v1::FetchStateDictRequest& request) {
    grpc::ClientContext context;
    return ReadAll<v1::FetchStateDictResponse>(
        *hub_->FetchStateDict(&context, request));
  }

  static v1::ListRequest ListOf(const std::string& repo) {
    v1::ListRequest request;
    request.mutable_tree()->set_repo(repo);
    *request.mutable_interpreter() = SomeInterpreter();
    return request;
  }

  worker::v1::StartJob start_;
};

TEST_F(HubServiceTest, ListRunsHubconfByTheCallersHost) {
  TreeObject tree = PublishTree("hubconf.py");
  JobDone done;
  auto* entrypoint = done.mutable_result()->add_entrypoints();
  entrypoint->set_name("net");
  entrypoint->set_summary("A net.");
  done.mutable_result()->add_dependencies("numpy");
  done.set_output("hello\n");
  Outcome<v1::ListResponse> outcome;
  {
    std::jthread host = PlayHost(done);
    outcome = List(ListOf("o/r"));
    server_->Shutdown(absl::ZeroDuration());
  }
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.error_message();
  const v1::ListResult& result = outcome.result->result();
  EXPECT_EQ(result.entrypoints(0).name(), "net");
  EXPECT_EQ(result.dependencies(0), "numpy");
  EXPECT_EQ(result.output(), "hello\n");
  EXPECT_EQ(result.tree().repo(), "github.com/o/r");
  EXPECT_EQ(result.tree().ref(), "main");
  EXPECT_EQ(result.tree().commit(), kCommit);
  EXPECT_EQ(start_.tree_path(), tree.path);
  EXPECT_EQ(start_.interpreter().executable(), "/usr/bin/python3");
  EXPECT_EQ(start_.request().entrypoint(), "");
}

TEST_F(HubServiceTest, HelpGivesDocAndSignature) {
  PublishTree("hubconf.py");
  JobDone done;
  done.mutable_result()->set_doc("Makes a net.\n");
  done.mutable_result()->set_signature("net(pretrained=False)");
  v1::HelpRequest request;
  request.mutable_tree()->set_repo("o/r");
  *request.mutable_interpreter() = SomeInterpreter();
  request.set_entrypoint("net");
  Outcome<v1::HelpResponse> outcome;
  {
    std::jthread host = PlayHost(done);
    outcome = Help(request);
    server_->Shutdown(absl::ZeroDuration());
  }
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.error_message();
  EXPECT_EQ(outcome.result->result().doc(), "Makes a net.\n");
  EXPECT_EQ(outcome.result->result().signature(), "net(pretrained=False)");
  EXPECT_EQ(start_.request().entrypoint(), "net");
}

TEST_F(HubServiceTest, AFailureOfTheCodeComesWithItsTraceback) {
  PublishTree("hubconf.py");
  JobDone done;
  auto* failure = done.mutable_result()->mutable_failure();
  failure->set_kind(worker::v1::Failure::IMPORT_FAILED);
  failure->set_exception("ValueError");
  failure->set_message("bad value");
  failure->set_traceback("Traceback (most recent call last)");
  Outcome<v1::ListResponse> outcome;
  {
    std::jthread host = PlayHost(done);
    outcome = List(ListOf("o/r"));
    server_->Shutdown(absl::ZeroDuration());
  }
  EXPECT_EQ(ReasonIn(outcome.status), "ENTRYPOINT_FAILED");
  EXPECT_THAT(outcome.status.error_message(),
              HasSubstr("reported by github.com/o/r: ValueError: bad value"));
  EXPECT_THAT(outcome.status.error_details(),
              HasSubstr("Traceback (most recent call last)"));
}

TEST_F(HubServiceTest, ListAndHelpRefuseWhatTheyCannotRun) {
  v1::ListRequest without_interpreter = ListOf("o/r");
  without_interpreter.clear_interpreter();
  Outcome<v1::ListResponse> outcome = List(without_interpreter);
  EXPECT_EQ(outcome.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(outcome.status.error_message(),
              HasSubstr("interpreter.executable"));

  EXPECT_EQ(ReasonIn(List(ListOf("nothing")).status), "INVALID_REPO");

  v1::HelpRequest without_entrypoint;
  without_entrypoint.mutable_tree()->set_repo("o/r");
  *without_entrypoint.mutable_interpreter() = SomeInterpreter();
  EXPECT_EQ(Help(without_entrypoint).status.error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(HubServiceTest, LoadGivesTheTreeAndAsksForTrustWhereItIsRequired) {
  TreeObject tree = PublishTree("hubconf.py");
  v1::LoadRequest request;
  request.mutable_tree()->set_repo("o/r:main");
  EXPECT_EQ(Load(request).result->result().tree().path(), tree.path);

  request.set_require_trust(true);
  request.set_hub_dir("/home/ada/.cache/torch/hub");
  EXPECT_EQ(ReasonIn(Load(request).status), "REPO_NOT_TRUSTED");
  ASSERT_TRUE(
      admission_
          .AddTrust(Caller{::getuid(), 0, 0}, tree.key.repo, request.hub_dir())
          .ok());
  EXPECT_TRUE(Load(request).status.ok());
}

// Holds up both threads of the disk pool as long as it lives.
class BusyDisk {
 public:
  explicit BusyDisk(Executor& disk) {
    for (int i = 0; i < 2; ++i) {
      std::promise<void> begun;
      disk.Post([&begun, end = end_] {
        begun.set_value();
        end.wait();
      });
      begun.get_future().wait();
    }
  }
  ~BusyDisk() { go_on_.set_value(); }

 private:
  std::promise<void> go_on_;
  const std::shared_future<void> end_ = go_on_.get_future().share();
};

TEST_F(HubServiceTest, WhatWasAskedForLatelyNeedsNoDisk) {
  if (!MemoryAnswers(store_->layout().store())) GTEST_SKIP();
  PublishTree("hubconf.py");
  http_.Serve("https://h.org/w", "weights");
  v1::LoadRequest load;
  load.mutable_tree()->set_repo("o/r");
  v1::LoadRequest trusted = load;
  trusted.set_require_trust(true);
  v1::FetchStateDictRequest fetch;
  fetch.set_url("https://h.org/w");
  // What is written makes what was read unknown.
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(Fetch(fetch).status.ok());
    ASSERT_TRUE(Load(load).status.ok());
  }
  const BusyDisk busy(disk_);
  EXPECT_TRUE(Load(load).result->result().tree().cached());
  EXPECT_TRUE(Fetch(fetch).result->result().cached());
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::milliseconds(100));
  EXPECT_EQ(ReadAll<v1::LoadResponse>(*hub_->Load(&context, trusted))
                .status.error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
}

TEST_F(HubServiceTest, AResultThatWasAskedForLatelyNeedsNoDisk) {
  if (!StatInMemory(SomeInterpreter().executable(), Links::kFollow).ok() ||
      !MemoryAnswers(store_->layout().store())) {
    GTEST_SKIP();
  }
  PublishTree("hubconf.py");
  JobDone done;
  done.mutable_result()->add_entrypoints()->set_name("net");
  {
    std::jthread host = PlayHost(done);
    ASSERT_TRUE(List(ListOf("o/r")).status.ok());
    for (int i = 0; i < 2; ++i) {
      ASSERT_TRUE(List(ListOf("o/r")).result->result().cached());
    }
    {
      const BusyDisk busy(disk_);
      EXPECT_EQ(List(ListOf("o/r")).result->result().entrypoints(0).name(),
                "net");
    }
    server_->Shutdown(absl::ZeroDuration());
  }
}

TEST_F(HubServiceTest, LoadAsksForTrustInTheOwnerToWhomARepoHasMoved) {
  TreeObject tree = PublishTree("hubconf.py");
  Advertisement moved = {"refs/heads/main",
                         {{"refs/heads/main", tree.key.commit}}};
  moved.moved_to = "https://github.com/o/r";
  git_.Answer(moved);
  v1::LoadRequest request;
  request.mutable_tree()->set_repo("old/r");
  EXPECT_EQ(Load(request).result->result().tree().path(), tree.path);
  // Who names a hub_dir will run the code.
  request.set_hub_dir("/home/ada/.cache/torch/hub");
  const Caller caller = {::getuid(), 0, 0};
  ASSERT_TRUE(admission_.AddTrust(caller, {"github.com", "old", "r"}, "").ok());
  EXPECT_EQ(ReasonIn(Load(request).status), "REPO_NOT_TRUSTED");
  ASSERT_TRUE(admission_.AddTrust(caller, tree.key.repo, "").ok());
  EXPECT_TRUE(Load(request).status.ok());
}

TEST_F(HubServiceTest, FetchStateDictGivesTheBlobAndChecksTheDigest) {
  const std::string url = "https://example.com/w.pth";
  http_.Serve(url, "weights", {{"etag", "\"e1\""}});
  v1::FetchStateDictRequest request;
  request.set_url(url);
  Outcome<v1::FetchStateDictResponse> outcome = Fetch(request);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.error_message();
  const v1::Checkpoint& checkpoint = outcome.result->result();
  EXPECT_EQ(*ReadFile(checkpoint.path()), "weights");
  EXPECT_EQ(checkpoint.etag(), "\"e1\"");
  EXPECT_FALSE(checkpoint.cached());

  request.set_sha256_prefix("00000000");
  EXPECT_EQ(ReasonIn(Fetch(request).status), "DIGEST_MISMATCH");
  request.set_sha256_prefix("XYZ");
  EXPECT_EQ(Fetch(request).status.error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(HubServiceTest, GetStatusTellsOfDaemonSandboxAndCaller) {
  starter_.answer = absl::InternalError("no bubblewrap here");
  grpc::ClientContext context;
  v1::GetStatusResponse status;
  ASSERT_TRUE(hub_->GetStatus(&context, {}, &status).ok());
  EXPECT_EQ(status.version(), "1.2.3");
  EXPECT_EQ(status.api_revision(), 9);
  EXPECT_EQ(status.pid(), ::getpid());
  EXPECT_EQ(status.root(), temp_.path());
  EXPECT_EQ(status.socket(), socket());
  EXPECT_EQ(status.sandbox(), "none");
  EXPECT_EQ(status.sandbox_reason(), "no bubblewrap here");
  EXPECT_EQ(status.usage_bytes(), 0);
  EXPECT_EQ(status.mode(), "user");
  EXPECT_EQ(status.caller().uid(), ::getuid());
  EXPECT_EQ(status.caller().pid(), ::getpid());
}

TEST_F(HubServiceTest, GetDirGivesTheRoot) {
  grpc::ClientContext context;
  v1::GetDirResponse response;
  ASSERT_TRUE(hub_->GetDir(&context, {}, &response).ok());
  EXPECT_EQ(response.root(), temp_.path());
}

}  // namespace
}  // namespace hubd
