#include "server/rpc/inspection.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/server/base/memory_answers.h"
#include "tests/server/rpc/rpc_fixture.h"

namespace hubd {
namespace {

using worker::v1::DaemonMessage;

// Hands what it is sent to the test.
class FakeLink final : public HostLink {
 public:
  void Send(const DaemonMessage& message) override {
    (message.has_start() ? started : cancelled).set_value(message);
  }

  std::promise<DaemonMessage> started;
  std::promise<DaemonMessage> cancelled;
};

class InspectionTest : public PartsFixture {
 protected:
  InspectionTest() {
    worker::v1::Hello hello;
    hello.set_sandbox("full");
    OnIo([&] { host_ = jobs_->AddHost(::getuid(), link_, hello); });
  }
  ~InspectionTest() override {
    OnIo([this] {
      inspection_ = nullptr;
      jobs_->RemoveHost(host_);
    });
  }

  static InspectionRequest Request() {
    InspectionRequest request;
    request.tree.spec = *ParseRepoSpec("o/r");
    request.tree.uid = ::getuid();
    request.interpreter = SomeInterpreter();
    request.entrypoint = "net";
    request.limits.set_time_ms(1234);
    return request;
  }

  std::future<absl::StatusOr<Inspected>> Start() {
    OnIo([&] {
      inspection_ = Inspect(
          Request(), io_, disk_, fetcher_, *results_, [](const Progress&) {},
          [this](absl::StatusOr<Inspected> result) {
            done_.set_value(std::move(result));
          });
    });
    return done_.get_future();
  }

  FakeLink link_;
  uint64_t host_ = 0;
  std::promise<absl::StatusOr<Inspected>> done_;
  std::shared_ptr<void> inspection_;
};

TEST_F(InspectionTest, RunsTheTreesHubconfAndGivesBothResults) {
  TreeObject tree = PublishTree("hubconf.py");
  auto result = Start();
  DaemonMessage message = link_.started.get_future().get();
  EXPECT_EQ(message.start().tree_path(), tree.path);
  EXPECT_EQ(message.start().request().entrypoint(), "net");
  EXPECT_EQ(message.start().limits().time_ms(), 1234);
  worker::v1::JobDone done;
  done.set_job_id(message.start().job_id());
  done.mutable_result()->set_signature("net()");
  done.set_output("printed");
  OnIo([&] { jobs_->OnJobDone(host_, done); });
  absl::StatusOr<Inspected> inspected = result.get();
  ASSERT_TRUE(inspected.ok()) << inspected.status();
  EXPECT_EQ(inspected->tree.tree.path, tree.path);
  EXPECT_EQ(inspected->result.signature(), "net()");
  EXPECT_EQ(inspected->output, "printed");
  EXPECT_FALSE(inspected->cached);
}

TEST_F(InspectionTest, WhatIsKeptIsFoundWithoutARun) {
  TreeObject tree = PublishTree("hubconf.py");
  EXPECT_FALSE(LookUpInspected(Request(), fetcher_, *results_).has_value());
  auto result = Start();
  worker::v1::JobDone done;
  done.set_job_id(link_.started.get_future().get().start().job_id());
  done.mutable_result()->set_signature("net()");
  done.set_output("printed");
  OnIo([&] { jobs_->OnJobDone(host_, done); });
  ASSERT_TRUE(result.get().ok());
  std::optional<Inspected> known =
      LookUpInspected(Request(), fetcher_, *results_);
  ASSERT_TRUE(known.has_value());
  EXPECT_EQ(known->result.signature(), "net()");
  EXPECT_EQ(known->tree.tree.path, tree.path);
  EXPECT_TRUE(known->cached);
  EXPECT_EQ(known->output, "");
  std::optional<Inspected> in_memory =
      InspectedInMemory(Request(), fetcher_, *results_);
  if (MemoryAnswers(store_->layout().store())) {
    ASSERT_TRUE(in_memory.has_value());
    EXPECT_EQ(in_memory->result.signature(), "net()");
    EXPECT_EQ(in_memory->tree.tree.path, tree.path);
    EXPECT_TRUE(in_memory->cached);
  }
  // Nor does it look where the run is wanted.
  InspectionRequest refresh = Request();
  refresh.tree.refresh = true;
  EXPECT_FALSE(LookUpInspected(refresh, fetcher_, *results_).has_value());
  EXPECT_FALSE(InspectedInMemory(refresh, fetcher_, *results_).has_value());
  // The whole way, as a tree that was just fetched takes it, finds it too.
  done_ = {};
  absl::StatusOr<Inspected> again = Start().get();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->cached);
}

TEST_F(InspectionTest, SaysWhatTheResultDoesNotShow) {
  PublishTree("hubconf.py");
  auto result = Start();
  worker::v1::JobDone done;
  done.set_job_id(link_.started.get_future().get().start().job_id());
  done.mutable_result()->set_omitted_entrypoints(3);
  done.mutable_result()->set_doc_is_cut(true);
  OnIo([&] { jobs_->OnJobDone(host_, done); });
  absl::StatusOr<Inspected> inspected = result.get();
  ASSERT_TRUE(inspected.ok()) << inspected.status();
  const std::vector<std::string>& warnings = inspected->tree.warnings;
  ASSERT_EQ(warnings.size(), 2);
  EXPECT_TRUE(absl::StrContains(warnings[0], "not listed: 3;")) << warnings[0];
  EXPECT_TRUE(absl::StrContains(warnings[1], "64 KiB")) << warnings[1];
}

TEST_F(InspectionTest, ALinkThatIsNoneMayExplainAFailure) {
  PublishTree("hubconf.py", {"a link leads out"});
  auto result = Start();
  worker::v1::JobDone done;
  done.set_job_id(link_.started.get_future().get().start().job_id());
  done.mutable_result()->mutable_failure()->set_exception("SyntaxError");
  OnIo([&] { jobs_->OnJobDone(host_, done); });
  const absl::Status failed = result.get().status();
  EXPECT_EQ(ReasonOf(failed), Reason::kEntrypointFailed);
  EXPECT_TRUE(absl::StartsWith(failed.message(), "a link leads out: "))
      << failed;
}

TEST_F(InspectionTest, ATreeWithoutHubconfRunsNothing) {
  const TreeObject tree = PublishTree("README.md");
  const absl::Status missing = Start().get().status();
  EXPECT_EQ(ReasonOf(missing), Reason::kHubconfMissing);
  EXPECT_TRUE(absl::StrContains(
      missing.message(),
      absl::StrCat(" at main (", tree.key.commit.substr(0, 12), ") has no")))
      << missing;
  OnIo([this] { EXPECT_EQ(jobs_->size(), 0); });
}

TEST_F(InspectionTest, DroppedItCancelsItsJob) {
  PublishTree("hubconf.py");
  Start();
  uint64_t job = link_.started.get_future().get().start().job_id();
  OnIo([this] { inspection_ = nullptr; });
  EXPECT_EQ(link_.cancelled.get_future().get().cancel().job_id(), job);
}

}  // namespace
}  // namespace hubd
