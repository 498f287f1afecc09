#include "server/base/text.h"

#include <gtest/gtest.h>

namespace hubd {
namespace {

TEST(CleanTextTest, KeepsWhatIsText) {
  const std::string text = "a\tb\nGrüße 你好 🙂 \xEF\xBF\xBD";
  EXPECT_EQ(CleanText(text), text);
}

TEST(CleanTextTest, ReplacesControlCharacters) {
  EXPECT_EQ(CleanText(std::string("a\0b\bc\x1b[31md\x7f", 12)),
            "a\uFFFDb\uFFFDc\uFFFD[31md\uFFFD");
  // C1, as UTF-8: from the first to the last.
  EXPECT_EQ(CleanText("\xC2\x80 \xC2\x9B \xC2\x9F \xC2\xA0"),
            "\uFFFD \uFFFD \uFFFD \xC2\xA0");
}

TEST(CleanTextTest, ReplacesWhatTurnsTheDirectionOfWriting) {
  EXPECT_EQ(CleanText("a\u202Eb\u2066c\u2069d\u200Fe\u061Cf\u202Ag"),
            "a\uFFFDb\uFFFDc\uFFFDd\uFFFDe\uFFFDf\uFFFDg");
}

TEST(CleanTextTest, WritesEveryLineEndAlike) {
  EXPECT_EQ(CleanText("a\r\nb\rc\nd\r"), "a\nb\nc\nd\n");
}

TEST(CleanTextTest, CutsBetweenCharacters) {
  EXPECT_EQ(CleanText("aü你", 6), "aü你");
  EXPECT_EQ(CleanText("aü你", 5), "aü");
  EXPECT_EQ(CleanText("aü你", 2), "a");
  EXPECT_EQ(CleanText("a", 0), "");
}

TEST(CleanTextTest, ReplacesWhatIsNotUtf8) {
  const std::string r = "\xEF\xBF\xBD";
  EXPECT_EQ(CleanText("a\xFFz"), "a" + r + "z");
  EXPECT_EQ(CleanText("\x9B"), r);                  // a bare C1 byte
  EXPECT_EQ(CleanText("\xE4\xBD"), r + r);          // cut off
  EXPECT_EQ(CleanText("\xC0\x9B"), r + r);          // longer than needed
  EXPECT_EQ(CleanText("\xE0\x80\x9B"), r + r + r);  // the same
  EXPECT_EQ(CleanText("\xED\xA0\x80"), r + r + r);  // half of a pair
  EXPECT_EQ(CleanText("\xF4\x90\x80\x80"), r + r + r + r);  // too high
}

TEST(CleanLineTest, PutsItOnOneLine) {
  EXPECT_EQ(CleanLine("a\nb\tc\x1b"), "a b c\uFFFD");
}

TEST(WithoutUserInfoTest, LeavesOutUserAndPassword) {
  EXPECT_EQ(WithoutUserInfo("https://u:p@h.org:8/a@b"), "https://h.org:8/a@b");
  EXPECT_EQ(WithoutUserInfo("https://u:p@w@h.org"), "https://h.org");
  EXPECT_EQ(WithoutUserInfo("git@h.org:o/r"), "h.org:o/r");
  EXPECT_EQ(WithoutUserInfo("https://u:pa/ss@h.org/o"), "https://h.org/o");
  EXPECT_EQ(WithoutUserInfo("https://u:pa?ss@h.org/o"), "https://h.org/o");
  EXPECT_EQ(WithoutUserInfo("https://h.org?m=a@b"), "https://h.org?m=a@b");
  EXPECT_EQ(WithoutUserInfo("https://[::1]:8/a@b"), "https://[::1]:8/a@b");
  EXPECT_EQ(WithoutUserInfo("o/r:a@b"), "o/r:a@b");
}

}  // namespace
}  // namespace hubd
