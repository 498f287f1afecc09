#include "server/base/status.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <string>

namespace hubd {
namespace {

TEST(StatusTest, EveryReasonHasItsOwnNameAndComesBackFromAStatus) {
  std::set<std::string> names;
  for (int i = 0; i <= static_cast<int>(Reason::kBadArchive); ++i) {
    Reason reason = static_cast<Reason>(i);
    names.emplace(ReasonName(reason));
    absl::Status status = ReasonError(reason, "failed");
    EXPECT_EQ(ReasonOf(status), reason);
    EXPECT_EQ(status.code(), ReasonCode(reason));
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(Reason::kBadArchive) + 1);
}

TEST(StatusTest, ReasonsAreTheWordsOnTheWire) {
  EXPECT_EQ(ReasonName(Reason::kInvalidRepo), "INVALID_REPO");
  EXPECT_EQ(ReasonName(Reason::kDiskFull), "DISK_FULL");
  EXPECT_EQ(ReasonCode(Reason::kDiskFull),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReasonName(Reason::kBadArchive), "BAD_ARCHIVE");
  EXPECT_EQ(ReasonCode(Reason::kBadArchive), absl::StatusCode::kDataLoss);
}

TEST(StatusTest, MetadataOfAnyBytesComesBack) {
  Metadata metadata = {{"url", "https://h/\n\t\"\\"},
                       {"", "empty key"},
                       {"bytes", std::string("\0\xff", 2)}};
  EXPECT_EQ(MetadataOf(ReasonError(Reason::kInvalidUrl, "bad", metadata)),
            metadata);
}

TEST(StatusTest, AStatusWithoutReasonHasNoneAndNoMetadata) {
  EXPECT_EQ(ReasonOf(absl::InternalError("x")), std::nullopt);
  EXPECT_TRUE(MetadataOf(absl::InternalError("x")).empty());
  EXPECT_EQ(ReasonOf(absl::OkStatus()), std::nullopt);
}

TEST(StatusTest, SilenceIsWhereAnOriginDoesNotAnswerNow) {
  EXPECT_TRUE(IsSilence(ReasonError(Reason::kUpstreamUnavailable, "x")));
  EXPECT_TRUE(IsSilence(ReasonError(Reason::kRateLimited, "x")));
  EXPECT_FALSE(IsSilence(ReasonError(Reason::kRepoNotFound, "x")));
  EXPECT_FALSE(IsSilence(absl::UnavailableError("x")));
  EXPECT_FALSE(IsSilence(absl::OkStatus()));
}

TEST(StatusTest, AnnotateKeepsCodeReasonAndMetadata) {
  absl::Status longer = Annotate(
      ReasonError(Reason::kRefNotFound, "no v9", {{"ref", "v9"}}), "o/r");
  EXPECT_EQ(longer.message(), "o/r: no v9");
  EXPECT_EQ(ReasonOf(longer), Reason::kRefNotFound);
  EXPECT_EQ(MetadataOf(longer).at("ref"), "v9");
  EXPECT_TRUE(Annotate(absl::OkStatus(), "o/r").ok());
}

TEST(StatusTest, ErrnoSaysDiskFullOnlyForAFullDiskOrQuota) {
  EXPECT_EQ(ReasonOf(ErrnoError(ENOSPC, "x")), Reason::kDiskFull);
  EXPECT_EQ(ReasonOf(ErrnoError(EDQUOT, "x")), Reason::kDiskFull);
  EXPECT_EQ(ReasonOf(ErrnoError(EIO, "x")), std::nullopt);
  EXPECT_EQ(ErrnoError(EIO, "cannot read /x").message(),
            "cannot read /x: Input/output error");
  EXPECT_NE(ErrnoError(EFBIG, "x").message().find("ulimit -f"),
            absl::string_view::npos);
}

absl::StatusOr<int> Half(int number) {
  if (number % 2 == 0) return number / 2;
  return absl::InvalidArgumentError("odd");
}

absl::StatusOr<int> Quarter(int number) {
  HUBD_ASSIGN_OR_RETURN(int half, Half(number));
  HUBD_RETURN_IF_ERROR(Half(half).status());
  return half / 2;
}

TEST(StatusTest, MacrosReturnTheFirstError) {
  EXPECT_EQ(*Quarter(8), 2);
  EXPECT_EQ(Quarter(7).status().message(), "odd");
  EXPECT_EQ(Quarter(6).status().message(), "odd");
}

}  // namespace
}  // namespace hubd
