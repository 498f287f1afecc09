#include "server/rpc/job_result.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "server/base/status.h"

namespace hubd {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using v1::WorkerExit;
using worker::v1::Failure;
using worker::v1::JobDone;

constexpr char kRepo[] = "github.com/o/r";
constexpr char kExitUrl[] = "type.googleapis.com/hubd.v1.WorkerExit";

absl::Status ErrorOf(const JobDone& done) {
  return ResultOfJob(kRepo, "net", done).status();
}

JobDone FailureDone(Failure::Kind kind) {
  JobDone done;
  Failure& failure = *done.mutable_result()->mutable_failure();
  failure.set_kind(kind);
  failure.set_exception("ImportError");
  failure.set_message("no such thing");
  failure.set_traceback("Traceback");
  return done;
}

TEST(JobResultTest, AResultIsGivenAsItIs) {
  JobDone done;
  done.mutable_result()->set_signature("net()");
  EXPECT_EQ(ResultOfJob(kRepo, "net", done)->signature(), "net()");
}

TEST(JobResultTest, EachKindOfExitHasItsReason) {
  struct Row {
    WorkerExit::Kind kind;
    const char* limit;
    Reason reason;
  };
  const Row rows[] = {
      {WorkerExit::FAILED, "", Reason::kEntrypointFailed},
      {WorkerExit::VIOLATION, "", Reason::kSandboxViolation},
      {WorkerExit::LIMIT, "time", Reason::kWorkerTime},
      {WorkerExit::LIMIT, "memory", Reason::kWorkerMemory},
      {WorkerExit::LIMIT, "output", Reason::kEntrypointFailed},
      {WorkerExit::LIMIT, "result", Reason::kEntrypointFailed},
      {WorkerExit::KILLED, "", Reason::kEntrypointFailed},
      {WorkerExit::SETUP_FAILED, "", Reason::kSandboxUnavailable},
  };
  for (const Row& row : rows) {
    JobDone done;
    done.mutable_exit()->set_kind(row.kind);
    done.mutable_exit()->set_limit(row.limit);
    done.set_output("first\nbwrap: no namespace\n");
    absl::Status status = ErrorOf(done);
    EXPECT_EQ(ReasonOf(status), row.reason) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(kRepo));
    ASSERT_TRUE(status.GetPayload(kExitUrl)) << status;
  }
}

TEST(JobResultTest, AFailedStartIsExplainedByItsLastWords) {
  JobDone done;
  done.mutable_exit()->set_kind(WorkerExit::SETUP_FAILED);
  done.set_output("first\nbwrap: no namespace\n");
  EXPECT_THAT(std::string(ErrorOf(done).message()),
              HasSubstr(": bwrap: no namespace; "));
}

TEST(JobResultTest, WhatTheCodeRaisedIsMarkedAsItsWords) {
  absl::Status status = ErrorOf(FailureDone(Failure::IMPORT_FAILED));
  EXPECT_EQ(ReasonOf(status), Reason::kEntrypointFailed);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("reported by github.com/o/r: ImportError: no such"));
  EXPECT_EQ(MetadataOf(status)["exception"], "ImportError");
  EXPECT_EQ(MetadataOf(status)["entrypoint"], "net");
  WorkerExit exit;
  ASSERT_TRUE(exit.ParseFromString(std::string(*status.GetPayload(kExitUrl))));
  EXPECT_EQ(exit.traceback(), "Traceback");
}

TEST(JobResultTest, TheWayOutFitsTheException) {
  JobDone done = FailureDone(Failure::IMPORT_FAILED);
  Failure& failure = *done.mutable_result()->mutable_failure();
  failure.set_exception("OSError");
  EXPECT_THAT(std::string(ErrorOf(done).message()), HasSubstr("no network"));
  failure.set_exception("SyntaxError");
  EXPECT_THAT(std::string(ErrorOf(done).message()), HasSubstr("another ref"));
}

TEST(JobResultTest, MissingPackagesAreNamed) {
  JobDone done = FailureDone(Failure::MISSING_DEPENDENCY);
  done.mutable_result()->mutable_failure()->add_missing("a");
  done.mutable_result()->mutable_failure()->add_missing("b");
  absl::Status status = ErrorOf(done);
  EXPECT_EQ(ReasonOf(status), Reason::kMissingDependency);
  EXPECT_EQ(MetadataOf(status)["missing"], "a,b");
}

TEST(JobResultTest, WhatIsNotThereIsNotFound) {
  EXPECT_EQ(ReasonOf(ErrorOf(FailureDone(Failure::ENTRYPOINT_NOT_FOUND))),
            Reason::kEntrypointNotFound);
  EXPECT_EQ(ReasonOf(ErrorOf(FailureDone(Failure::HUBCONF_MISSING))),
            Reason::kHubconfMissing);
}

TEST(JobResultTest, AnOddNameDoesNotHideTheWayOut) {
  const std::string name = "a\nb" + std::string(4096, 'x');
  const absl::Status status =
      ResultOfJob(kRepo, name, FailureDone(Failure::ENTRYPOINT_NOT_FOUND))
          .status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"a bxxx"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("hubctl list"));
  EXPECT_LT(status.message().size(), 400u);
}

TEST(JobResultTest, AnAnswerWithoutAnythingIsOurOwnFault) {
  EXPECT_EQ(ErrorOf({}).code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace hubd
