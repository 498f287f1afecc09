#include "server/net/git_answer.h"

#include <string>

#include "gtest/gtest.h"

namespace hubd {
namespace {

TEST(AnswerEndTest, IsAFlushBetweenLines) {
  const struct {
    std::string bytes;
    bool ended;
  } kCases[] = {
      {"", false},
      {"000", false},
      {"0000", true},
      {"0006ab0000", true},
      // The same digits within a line, a delimiter, an answer that goes on.
      {"00080000", false},
      {"0001", false},
      {"00000006ab", false},
      {"00000006a", false},
  };
  for (const auto& c : kCases) {
    AnswerEnd whole;
    EXPECT_TRUE(whole.Follow(c.bytes)) << c.bytes;
    EXPECT_EQ(whole.ended(), c.ended) << c.bytes;
    AnswerEnd pieces;
    for (char byte : c.bytes) EXPECT_TRUE(pieces.Follow(std::string(1, byte)));
    EXPECT_EQ(pieces.ended(), c.ended) << c.bytes;
  }
}

TEST(AnswerEndTest, RefusesWhatIsNoLine) {
  EXPECT_FALSE(AnswerEnd().Follow("Welcome"));
  EXPECT_FALSE(AnswerEnd().Follow("0006abxyz1"));
}

}  // namespace
}  // namespace hubd
