#include "server/fetch/negative_answers.h"

#include <string>

#include "gtest/gtest.h"

namespace hubd {
namespace {

constexpr absl::Duration kTtl = absl::Seconds(30);
const absl::Time kNow = absl::FromUnixSeconds(1'000'000);

absl::Status Gone(const std::string& what) { return absl::NotFoundError(what); }

TEST(NegativeAnswersTest, AnAnswerCountsForItsTime) {
  NegativeAnswers answers(kTtl);
  EXPECT_TRUE(answers.Find("a", kNow).ok());
  answers.Note("a", Gone("first"), kNow);
  EXPECT_EQ(answers.Find("a", kNow), Gone("first"));
  EXPECT_TRUE(answers.Find("b", kNow).ok());
  EXPECT_EQ(answers.Find("a", kNow + kTtl - absl::Seconds(1)), Gone("first"));
  EXPECT_TRUE(answers.Find("a", kNow + kTtl).ok());
  // As if the clock had been set back since.
  EXPECT_TRUE(answers.Find("a", kNow - absl::Seconds(1)).ok());
}

TEST(NegativeAnswersTest, ANewAnswerReplacesTheOldOneAndItsTime) {
  NegativeAnswers answers(kTtl);
  answers.Note("a", Gone("first"), kNow);
  answers.Note("a", Gone("second"), kNow + absl::Seconds(20));
  EXPECT_EQ(answers.Find("a", kNow + absl::Seconds(40)), Gone("second"));
}

TEST(NegativeAnswersTest, WhatIsThereAfterAllIsForgotten) {
  NegativeAnswers answers(kTtl);
  answers.Note("a", Gone("first"), kNow);
  answers.Forget("a");
  answers.Forget("never noted");
  EXPECT_TRUE(answers.Find("a", kNow).ok());
}

TEST(NegativeAnswersTest, TheOldestGoWhereThereAreTooMany) {
  NegativeAnswers answers(kTtl, 2);
  answers.Note("a", Gone("a"), kNow);
  answers.Note("b", Gone("b"), kNow);
  answers.Note("a", Gone("a"), kNow);
  answers.Note("c", Gone("c"), kNow);
  EXPECT_FALSE(answers.Find("a", kNow).ok());
  EXPECT_TRUE(answers.Find("b", kNow).ok());
  EXPECT_FALSE(answers.Find("c", kNow).ok());
}

TEST(NegativeAnswersTest, NoneCountsWithoutATime) {
  NegativeAnswers answers(absl::ZeroDuration());
  answers.Note("a", Gone("a"), kNow);
  EXPECT_TRUE(answers.Find("a", kNow).ok());
}

}  // namespace
}  // namespace hubd
