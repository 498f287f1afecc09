#include "server/fetch/checkpoint_judgement.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/status.h"

namespace hubd {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

CheckpointObject Came() {
  CheckpointObject checkpoint;
  checkpoint.url = "https://h/m?token=secret";
  checkpoint.sha256 = std::string(64, 'a');
  checkpoint.size_bytes = 512;
  return checkpoint;
}

TEST(CheckpointJudgementTest, TellsWhatCameInPlaceOfWhatWasExpected) {
  const absl::Status status =
      JudgeCheckpoint("b", false, Came(), "an HTML page");
  EXPECT_EQ(ReasonOf(status), Reason::kDigestMismatch);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr(std::string(64, 'a')), HasSubstr(", not b: "),
                    HasSubstr("https://h/m "),
                    HasSubstr("the server sent an HTML page of 512 bytes"),
                    Not(HasSubstr("secret"))));
  Metadata metadata = MetadataOf(status);
  EXPECT_EQ(metadata["expected"], "b");
  EXPECT_EQ(metadata["actual"], std::string(64, 'a'));
  EXPECT_EQ(metadata["size_bytes"], "512");
  EXPECT_EQ(metadata["content"], "an HTML page");
  EXPECT_THAT(std::string(JudgeCheckpoint("b", false, Came()).message()),
              HasSubstr("the server sent 512 bytes;"));
  EXPECT_TRUE(JudgeCheckpoint("", false, Came()).ok());
  EXPECT_TRUE(JudgeCheckpoint("aaaa", false, Came()).ok());
}

TEST(CheckpointJudgementTest, RefusesPagesAndNothingWhereAskedTo) {
  CheckpointObject page = Came();
  page.content_type = "Text/HTML; charset=utf-8";
  EXPECT_TRUE(JudgeCheckpoint("", false, page).ok());
  EXPECT_EQ(MetadataOf(JudgeCheckpoint("", true, page))["cause"], "page");
  CheckpointObject empty = Came();
  empty.size_bytes = 0;
  EXPECT_EQ(MetadataOf(JudgeCheckpoint("", true, empty))["cause"], "empty");
  EXPECT_TRUE(JudgeCheckpoint("", true, Came()).ok());
}

TEST(CheckpointJudgementTest, AServersDigestCountsUnlessTheCallerKnowsBetter) {
  const OfferedDigest offer{std::string(64, 'c'), "Repr-Digest of h"};
  Fetched fetched{.object = Came()};
  fetched.objection = CompareWithOffer(offer, Came(), "binary data");
  EXPECT_EQ(ReasonOf(fetched.objection), Reason::kDigestMismatch);
  EXPECT_THAT(std::string(fetched.objection.message()),
              AllOf(HasSubstr(offer.sha256), HasSubstr("(Repr-Digest of h)"),
                    HasSubstr("binary data of 512 bytes")));
  Metadata metadata = MetadataOf(fetched.objection);
  EXPECT_EQ(metadata["offered_by"], "Repr-Digest of h");
  EXPECT_EQ(metadata["expected"], offer.sha256);
  EXPECT_EQ(JudgeFetched("", false, fetched), fetched.objection);
  // A few digits are no proof.
  EXPECT_EQ(JudgeFetched("aaaaaaaa", false, fetched), fetched.objection);
  EXPECT_TRUE(JudgeFetched(Came().sha256, false, fetched).ok());
  // It says more than the caller's own expectation, and than what a page is.
  EXPECT_EQ(JudgeFetched("bb", false, fetched), fetched.objection);
  std::get<CheckpointObject>(fetched.object).size_bytes = 0;
  EXPECT_EQ(JudgeFetched("", true, fetched), fetched.objection);
  EXPECT_TRUE(CompareWithOffer({Came().sha256, ""}, Came(), "").ok());
}

}  // namespace
}  // namespace hubd
