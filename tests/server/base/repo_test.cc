#include "server/base/repo.h"

#include <gtest/gtest.h>

#include <string>

#include "server/base/status.h"

namespace hubd {
namespace {

struct Good {
  const char* text;
  RepoId id;
  const char* ref;
};

class GoodRepoTest : public testing::TestWithParam<Good> {};

TEST_P(GoodRepoTest, IsParsed) {
  absl::StatusOr<RepoSpec> spec = ParseRepoSpec(GetParam().text);
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->id, GetParam().id);
  EXPECT_EQ(spec->ref, GetParam().ref);
}

const Good kGood[] = {
    {"pytorch/vision", {"github.com", "pytorch", "vision"}, ""},
    {"pytorch/vision:v0.10.0", {"github.com", "pytorch", "vision"}, "v0.10.0"},
    {"o/r:", {"github.com", "o", "r"}, ""},
    {"o/r:feature/x", {"github.com", "o", "r"}, "feature/x"},
    {"Owner/N.a-m_e", {"github.com", "owner", "n.a-m_e"}, ""},
    {"https://GitHub.com/O/R.git:V1", {"github.com", "o", "r"}, "V1"},
    {"O/R.Git", {"github.com", "o", "r"}, ""},
    {"gitlab.com/O/R.Git", {"gitlab.com", "O", "R.Git"}, ""},
    {"gitlab.com/Owner/Name", {"gitlab.com", "Owner", "Name"}, ""},
    {"GitLab.com/o/r:main", {"gitlab.com", "o", "r"}, "main"},
    {"localhost:8443/o/r:v1", {"localhost:8443", "o", "r"}, "v1"},
    {"https://github.com/o/r.git", {"github.com", "o", "r"}, ""},
    {"https://127.0.0.1:8443/o/r:v1", {"127.0.0.1:8443", "o", "r"}, "v1"},
};
INSTANTIATE_TEST_SUITE_P(All, GoodRepoTest, testing::ValuesIn(kGood));

class BadRepoTest : public testing::TestWithParam<std::string> {};

TEST_P(BadRepoTest, IsRefusedAsInvalidRepo) {
  absl::StatusOr<RepoSpec> spec = ParseRepoSpec(GetParam());
  ASSERT_FALSE(spec.ok());
  EXPECT_EQ(ReasonOf(spec.status()), Reason::kInvalidRepo);
}

INSTANTIATE_TEST_SUITE_P(
    All, BadRepoTest,
    testing::Values("", "/", "o", "o/", "/r", "o//r", "a/b/c/d", "../r", "o/..",
                    "o/.", "-o/r", "o/-r", "o/r s", "o/r\n", "o/\xc3\xa9",
                    "ho_st/o/r", "h:0/o/r", "h:65536/o/r", "h:x/o/r", "h:/o/r",
                    "h:+80/o/r", "h:080/o/r", "h: 80/o/r", "o/.git",
                    "o/r.git.git", "h:\n80/o/r", "o/r:-x", "o/r:a..b",
                    "o/r:a b", "o/r:a^", "o/r:a@{1}", "o/r:/a", "o/r:a/",
                    "o/r:a.", "http://github.com/o/r", "https://github.com/o",
                    "o/" + std::string(256, 'r'),
                    "o/r:" + std::string(256, 'r'), std::string("o/r\0x", 5)));

TEST(RepoTest, AnInvalidRepoIsShownEscapedAndShort) {
  absl::Status status =
      ParseRepoSpec("\x1b[31m" + std::string(9999, 'x')).status();
  EXPECT_EQ(status.message().find('\x1b'), absl::string_view::npos);
  EXPECT_LT(status.message().size(), 500u);
}

TEST(RepoTest, SaysWhatIsWrongWithAUrlAndKeepsPasswordsToItself) {
  const struct {
    const char* text;
    const char* shown;
    const char* why;
  } kCases[] = {
      {"https://me:secret@h.org/o/r", "\"https://h.org/o/r\"", "user name"},
      {"me:secret@h.org:o/r", "\"h.org:o/r\"", "user name"},
      {"ssh://me:secret@h.org/o/r", "\"ssh://h.org/o/r\"", "only https://"},
      {"http://h.org/o/r", "\"http://h.org/o/r\"", "only https://"},
      {"o/r:a@b/..", "\"o/r:a@b/..\"", "git allows"},
  };
  for (const auto& c : kCases) {
    const std::string message(ParseRepoSpec(c.text).status().message());
    EXPECT_NE(message.find(c.shown), std::string::npos) << message;
    EXPECT_NE(message.find(c.why), std::string::npos) << message;
    EXPECT_EQ(message.find("secret"), std::string::npos) << message;
  }
}

TEST(RepoTest, SaysItsNameAndUrl) {
  RepoId id = {"github.com", "o", "r"};
  EXPECT_EQ(id.ToString(), "github.com/o/r");
  EXPECT_EQ(id.Url(), "https://github.com/o/r");
}

TEST(RepoTest, ACommitIsFortyLowerCaseHexDigits) {
  EXPECT_TRUE(IsCommit("0123456789abcdef0123456789abcdef01234567"));
  EXPECT_FALSE(IsCommit("0123456789ABCDEF0123456789abcdef01234567"));
  EXPECT_FALSE(IsCommit("0123456789abcdef0123456789abcdef0123456"));
  EXPECT_FALSE(IsCommit("0123456789abcdef0123456789abcdef01234567a"));
}

}  // namespace
}  // namespace hubd
