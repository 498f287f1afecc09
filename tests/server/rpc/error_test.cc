#include "server/rpc/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "server/base/status.h"

namespace hubd {
namespace {

using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

v1::StatusDetails DetailsOf(const grpc::Status& status) {
  v1::StatusDetails details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  return details;
}

TEST(ErrorTest, ReasonAndMetadataReachTheDetails) {
  grpc::Status status = ToGrpcStatus(
      ReasonError(Reason::kRefNotFound, "no ref \"v9\" in github.com/o/r",
                  {{"repo", "github.com/o/r"}, {"ref", "v9"}}));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(), "no ref \"v9\" in github.com/o/r");
  v1::StatusDetails details = DetailsOf(status);
  EXPECT_EQ(details.code(), 5);
  EXPECT_EQ(details.message(), status.error_message());
  ASSERT_THAT(details.details(), SizeIs(1));
  EXPECT_EQ(details.details(0).type_url(),
            "type.googleapis.com/google.rpc.ErrorInfo");
  v1::ErrorInfo info;
  ASSERT_TRUE(info.ParseFromString(details.details(0).value()));
  EXPECT_EQ(info.reason(), "REF_NOT_FOUND");
  EXPECT_EQ(info.domain(), "hubd");
  EXPECT_THAT(
      info.metadata(),
      UnorderedElementsAre(Pair("repo", "github.com/o/r"), Pair("ref", "v9")));
}

TEST(ErrorTest, AWorkersEndIsTheSecondDetail) {
  v1::WorkerExit exit;
  exit.set_kind(v1::WorkerExit::FAILED);
  exit.set_exception("ValueError");
  exit.set_traceback("Traceback ...");
  v1::StatusDetails details = DetailsOf(ToGrpcStatus(WithWorkerExit(
      ReasonError(Reason::kEntrypointFailed, "it failed"), exit)));
  ASSERT_THAT(details.details(), SizeIs(2));
  EXPECT_EQ(details.details(1).type_url(),
            "type.googleapis.com/hubd.v1.WorkerExit");
  EXPECT_EQ(details.details(1).value(), exit.SerializeAsString());
}

TEST(ErrorTest, HugeErrorsStayBelowFourKilobytesAndKeepTheReason) {
  v1::WorkerExit exit;
  exit.set_kind(v1::WorkerExit::FAILED);
  exit.set_exception(std::string(9000, 'e'));
  exit.set_traceback(std::string(9000, 't') + "last line");
  Metadata metadata;
  for (int i = 0; i < 50; ++i) {
    metadata[absl::StrCat("key", i)] = std::string(9000, 'v');
  }
  grpc::Status status = ToGrpcStatus(WithWorkerExit(
      ReasonError(Reason::kEntrypointFailed, std::string(9000, 'm'), metadata),
      exit));
  EXPECT_LE(status.error_details().size(), 4096u);
  EXPECT_LE(status.error_message().size(), 1024u);
  v1::StatusDetails details = DetailsOf(status);
  ASSERT_THAT(details.details(), SizeIs(2));
  v1::ErrorInfo info;
  ASSERT_TRUE(info.ParseFromString(details.details(0).value()));
  EXPECT_EQ(info.reason(), "ENTRYPOINT_FAILED");
  v1::WorkerExit cut;
  ASSERT_TRUE(cut.ParseFromString(details.details(1).value()));
  EXPECT_THAT(cut.traceback(), testing::EndsWith("last line"));
}

TEST(ErrorTest, WhatIsNoTextOrMovesATerminalIsReplaced) {
  grpc::Status status = ToGrpcStatus(ReasonError(
      Reason::kRepoNotFound, "a\x1b[2J\xff z", {{"repo", "\xc3(\x07"}}));
  EXPECT_EQ(status.error_message(), "a\uFFFD[2J\uFFFD z");
  v1::ErrorInfo info;
  ASSERT_TRUE(info.ParseFromString(DetailsOf(status).details(0).value()));
  EXPECT_EQ(info.metadata().at("repo"), "\uFFFD(\uFFFD");
}

TEST(ErrorTest, AStatusWithoutReasonHasNoErrorInfo) {
  grpc::Status status =
      ToGrpcStatus(absl::InvalidArgumentError("page_size is negative"));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(DetailsOf(status).details(), SizeIs(0));
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
}

}  // namespace
}  // namespace hubd
