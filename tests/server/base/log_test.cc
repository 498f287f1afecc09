#include "server/base/log.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "server/base/fs.h"
#include "tests/server/base/temp_dir.h"

namespace hubd {
namespace {

std::vector<std::string> LinesOf(const std::string& path) {
  std::vector<std::string> lines =
      absl::StrSplit(*ReadFile(path, 64 << 20), '\n');
  lines.pop_back();
  return lines;
}

TEST(LogTest, ALineHasTimeLevelAndText) {
  TempDir dir;
  ASSERT_TRUE(SetLogFile(dir.Below("log")).ok());
  HUBD_LOG(kWarning) << "event=test number=" << 7;
  std::vector<std::string> lines = LinesOf(dir.Below("log"));
  ASSERT_EQ(lines.size(), 1u);
  absl::Time time;
  std::string error;
  EXPECT_TRUE(absl::ParseTime(absl::RFC3339_full, lines[0].substr(0, 24), &time,
                              &error))
      << lines[0];
  EXPECT_EQ(lines[0].substr(24), " level=warning event=test number=7");
}

TEST(LogTest, LinesBelowTheLevelAreNotEvenMade) {
  TempDir dir;
  ASSERT_TRUE(SetLogFile(dir.Below("log")).ok());
  int made = 0;
  HUBD_LOG(kDebug) << ++made;
  EXPECT_EQ(made, 0);
  SetLogLevel(LogLevel::kDebug);
  HUBD_LOG(kDebug) << ++made;
  SetLogLevel(LogLevel::kInfo);
  EXPECT_EQ(made, 1);
  EXPECT_EQ(LinesOf(dir.Below("log")).size(), 1u);
}

TEST(LogTest, AFileThatWasFullBeforeMakesRoomAtTheFirstLine) {
  TempDir dir;
  const std::string path = dir.Below("log");
  ASSERT_TRUE(
      WriteFileDurably(path, std::string((4 << 20) + 1, '\n'), 0600).ok());
  ASSERT_TRUE(SetLogFile(path).ok());
  HUBD_LOG(kInfo) << "event=test";
  EXPECT_TRUE(IsThere(path + ".1"));
  EXPECT_EQ(LinesOf(path).size(), 1u);
}

TEST(LogTest, LinesOfManyThreadsStayWhole) {
  TempDir dir;
  ASSERT_TRUE(SetLogFile(dir.Below("log")).ok());
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([] {
        for (int j = 0; j < 100; ++j) HUBD_LOG(kInfo) << "begin middle end";
      });
    }
  }
  std::vector<std::string> lines = LinesOf(dir.Below("log"));
  EXPECT_EQ(lines.size(), 400u);
  for (const std::string& line : lines) {
    EXPECT_EQ(line.substr(24), " level=info begin middle end");
  }
}

TEST(LogTest, AFullFileIsSetAsideOnce) {
  TempDir dir;
  ASSERT_TRUE(SetLogFile(dir.Below("log")).ok());
  const std::string text(1 << 20, 'x');
  for (int i = 0; i < 5; ++i) HUBD_LOG(kInfo) << i << text;
  EXPECT_EQ(LinesOf(dir.Below("log.1")).size(), 4u);
  EXPECT_EQ(LinesOf(dir.Below("log")).size(), 1u);
}

TEST(LogTest, QuoteLeavesNoControlByteNorOpenQuote) {
  EXPECT_EQ(LogQuote("a\"b\n\x1b\xff"), R"("a\"b\n\x1b\xff")");
}

TEST(LogTest, RedactedUrlsHaveNoUserPasswordQueryOrFragment) {
  EXPECT_EQ(RedactUrl("https://u:p@h.org/a@b/c?token=x#y"),
            "https://h.org/a@b/c");
  EXPECT_EQ(RedactUrl("https://u:p@w@h.org"), "https://h.org");
  EXPECT_EQ(RedactUrl("https://u:p/w@h.org"), "https://h.org");
  EXPECT_EQ(RedactUrl("https://u:p?w@h.org/x?y"), "https://h.org/x");
  EXPECT_EQ(RedactUrl("https://u:p#w@h.org/x#y"), "https://h.org/x");
  EXPECT_EQ(RedactUrl("https://h.org/x"), "https://h.org/x");
  EXPECT_EQ(RedactUrl("no url?x"), "no url");
  const std::string long_url = "https://u@h.org/" + std::string(9000, 'x');
  EXPECT_EQ(RedactUrl(long_url).substr(0, 17), "https://h.org/xxx");
  EXPECT_EQ(RedactUrl(long_url).size(), 259u);
}

}  // namespace
}  // namespace hubd
