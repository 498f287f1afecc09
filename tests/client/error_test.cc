#include "client/error.h"

#include <gtest/gtest.h>

#include "tests/client/fake_daemon.h"

namespace hubd {
namespace {

TEST(FromGrpcTest, KeepsReasonMessageAndMetadata) {
  const absl::Status status =
      FromGrpc(Failure(Reason::kRefNotFound, "no such ref", {{"ref", "v9"}}));
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "no such ref");
  EXPECT_EQ(ReasonOf(status), Reason::kRefNotFound);
  EXPECT_EQ(MetadataOf(status), Metadata({{"ref", "v9"}}));
}

TEST(FromGrpcTest, KnowsEveryReason) {
  for (int i = 0; i <= static_cast<int>(Reason::kBadArchive); ++i) {
    const auto reason = static_cast<Reason>(i);
    EXPECT_EQ(ReasonOf(FromGrpc(Failure(reason, "x"))), reason);
  }
}

TEST(FromGrpcTest, PutsTheWorkersEndIntoTheMetadata) {
  v1::WorkerExit worker;
  worker.set_kind(v1::WorkerExit::FAILED);
  worker.set_exception("KeyError");
  worker.set_traceback("Traceback:\n  line 1");
  const Metadata metadata = MetadataOf(FromGrpc(
      Failure(Reason::kEntrypointFailed, "x", {{"repo", "r"}}, worker)));
  EXPECT_EQ(metadata, Metadata({{"repo", "r"},
                                {"worker_exit", "FAILED"},
                                {"exception", "KeyError"},
                                {"traceback", "Traceback:\n  line 1"}}));
}

TEST(FromGrpcTest, SurvivesDetailsThatItDoesNotKnow) {
  const grpc::Status unknown(grpc::StatusCode::NOT_FOUND, "gone", "\xff\xff");
  EXPECT_EQ(FromGrpc(unknown), absl::NotFoundError("gone"));
  const grpc::Status bare(grpc::StatusCode::INTERNAL, "");
  EXPECT_EQ(FromGrpc(bare).message(), "hubd answered INTERNAL");
  EXPECT_TRUE(FromGrpc(grpc::Status::OK).ok());
}

TEST(MayReissueTest, OnlyForLostConnectionsAndDraining) {
  using grpc::StatusCode;
  EXPECT_TRUE(MayReissue({StatusCode::UNAVAILABLE, "Socket closed"}));
  EXPECT_TRUE(MayReissue(Failure(Reason::kDraining, "x")));
  EXPECT_FALSE(MayReissue(Failure(Reason::kUpstreamUnavailable, "x")));
  EXPECT_FALSE(MayReissue(Failure(Reason::kRateLimited, "x")));
  EXPECT_FALSE(MayReissue({StatusCode::INTERNAL, "x"}));
  EXPECT_FALSE(MayReissue({StatusCode::CANCELLED, "x"}));
}

}  // namespace
}  // namespace hubd
