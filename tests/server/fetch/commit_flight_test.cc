#include "server/fetch/commit_flight.h"

#include <string>

#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "tests/server/fetch/fetch_fixture.h"

namespace hubd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class CommitFlightTest : public FetchFixture {
 protected:
  absl::StatusOr<Fetched> Fetch() {
    return FetchCommit(context(), {"github.com", "o", "n"}, "abcd", flight_);
  }

  FreeFlight flight_;
};

TEST_F(CommitFlightTest, GivesTheWholeCommit) {
  const std::string commit = "abcd" + std::string(36, '0');
  objects_.AnswerCommit(commit);
  absl::StatusOr<Fetched> fetched = Fetch();
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  EXPECT_EQ(std::get<FoundCommit>(fetched->object).commit, commit);
  EXPECT_THAT(objects_.asked(), ElementsAre("https://github.com/o/n abcd"));
  EXPECT_EQ(flight_.reports().front().subject, "github.com/o/n:abcd");
  EXPECT_TRUE(ListDirectory(store_->layout().tmp())->empty());
}

TEST_F(CommitFlightTest, NamesRepoAndRefOfWhatIsNotThere) {
  objects_.AnswerCommit(
      ReasonError(Reason::kRefNotFound, "Cannot find abcd", {{"url", "u"}}));
  const absl::Status status = Fetch().status();
  EXPECT_EQ(status, ReasonError(Reason::kRefNotFound, "Cannot find abcd",
                                {{"repo", "github.com/o/n"}, {"ref", "abcd"}}));
}

TEST_F(CommitFlightTest, SaysWhatCannotBeToldAndWhy) {
  objects_.AnswerCommit(ReasonError(Reason::kUpstreamUnavailable, "silent"));
  const absl::Status status = Fetch().status();
  EXPECT_EQ(ReasonOf(status), Reason::kUpstreamUnavailable);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("whether abcd is a commit of github.com/o/n: silent"));
}

TEST_F(CommitFlightTest, WhatAMirrorLacksIsLookedForAtTheNextSource) {
  mirrors_ = Mirrors({{"https://github.com/", {"https://m/", "https://n/"}}},
                     absl::Seconds(3));
  objects_.FailAt("https://m/o/n",
                  ReasonError(Reason::kRefNotFound, "Cannot find abcd"));
  objects_.FailAt("https://n/o/n",
                  ReasonError(Reason::kUpstreamUnavailable, "its pack is bad"));
  objects_.AnswerCommit("abcd" + std::string(36, '0'));
  ASSERT_TRUE(Fetch().ok());
  EXPECT_THAT(objects_.asked(),
              ElementsAre("https://m/o/n abcd", "https://n/o/n abcd",
                          "https://github.com/o/n abcd"));
  EXPECT_TRUE(ListDirectory(store_->layout().tmp())->empty());
  objects_.FailAt("https://github.com/o/n",
                  ReasonError(Reason::kRefNotFound, "Cannot find abcd"));
  const absl::Status status = Fetch().status();
  EXPECT_EQ(ReasonOf(status), Reason::kRefNotFound);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("https://m/o/n (REF_NOT_FOUND)"));
}

TEST_F(CommitFlightTest, AMirrorThatHasItIsTheOnlyOneAsked) {
  mirrors_ =
      Mirrors({{"https://github.com/", {"https://m/"}}}, absl::Seconds(3));
  objects_.AnswerCommit("abcd" + std::string(36, '0'));
  ASSERT_TRUE(Fetch().ok());
  EXPECT_THAT(objects_.asked(), ElementsAre("https://m/o/n abcd"));
}

}  // namespace
}  // namespace hubd
