#include "server/base/repo.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_join.h"
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
    // GitLab's groups, Gitea, Bitbucket's cloud and server, sourcehut.
    {"gitlab.com/g/s/n:main", {"gitlab.com", "g/s", "n"}, "main"},
    {"https://gitlab.example/G/s/t/n.git",
     {"gitlab.example", "G/s/t", "n"},
     ""},
    {"https://gitea.example:3000/o/n/", {"gitea.example:3000", "o", "n"}, ""},
    {"https://bitbucket.org/w/n.git/:v1", {"bitbucket.org", "w", "n"}, "v1"},
    {"https://b.example/scm/PROJ/n.git", {"b.example", "scm/PROJ", "n"}, ""},
    {"https://git.sr.ht/~u/n", {"git.sr.ht", "~u", "n"}, ""},
    {"gitlab.com/tree/src/n", {"gitlab.com", "tree/src", "n"}, ""},
    // By SSH.
    {"git@github.com:O/N.git:v1", {"ssh://git@github.com", "o", "n"}, "v1"},
    {"ssh://git@GitHub.com:22/o/n", {"ssh://git@github.com", "o", "n"}, ""},
    {"git@h:g/s/N.git", {"ssh://git@h", "g/s", "N.git"}, ""},
    {"ssh://git@h/g/s/N.git/", {"ssh://git@h", "g/s", "N.git"}, ""},
    {"me@h:/srv/n:v1", {"ssh://me@h", "srv", "n"}, "v1"},
    {"me@h:~/n", {"ssh://me@h", "~", "n"}, ""},
    {"me@h:n", {"ssh://me@h", "", "n"}, ""},
    {"ssh://h:2222/n:a/b", {"ssh://h:2222", "", "n"}, "a/b"},
    // On this machine.
    {"/srv/git/n.git:v1", {"file://", "srv/git", "n.git"}, "v1"},
    {"file:///srv/a+b@c/tree/x/n/", {"file://", "srv/a+b@c/tree/x", "n"}, ""},
    {"/n", {"file://", "", "n"}, ""},
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
    testing::Values(
        "", "/", "o", "o/", "//r", "o//r", "../r", "o/..", "o/.", "-o/r",
        "o/-r", "o/r s", "o/r\n", "o/\xc3\xa9", "ho_st/o/r", "h:0/o/r",
        "h:65536/o/r", "h:x/o/r", "h:/o/r", "h:+80/o/r", "h:080/o/r",
        "h: 80/o/r", "o/.git", "o/r.git.git", "h:\n80/o/r", "o/r:-x",
        "o/r:a..b", "o/r:a b", "o/r:a^", "o/r:a@{1}", "o/r:/a", "o/r:a/",
        "o/r:a.", "http://github.com/o/r", "https://github.com/o",
        "https://github.com/o/n/x", "github.com/o/n/x", "git@github.com:n",
        "git@h:", "git@h:-x", "git@h:o//n", "git@-h:o/n", "-u@h:o/n",
        "u;v@h:o/n", "@h:o/n", "u@:o/n", "u@h:o/n;x", "u@h:o/$n", "ssh://h",
        "ssh://h/", "ssh:///n", "ssh://u@h:0/n", "ssh://u@h:22x/n",
        "ssh://u@[::1]/n", "ssh://-oProxyCommand=x/n", "ssh://u@h/../n",
        "git+ssh://h/n", "git://h/o/n", "file://h/o/n", "file://", "file:///",
        "file:///a/../n", "/a//n", "/a/-n", "/a b/n", "/a%2fb/n",
        "/" + std::string(200, 'a') + "/" + std::string(56, 'a') + "/n",
        "h/" + absl::StrJoin(std::vector<std::string>(22, "a"), "/"),
        "u@" + std::string(248, 'h') + ":n", std::string(250, 'h') + "/o/n",
        "o/" + std::string(256, 'r'), "o/r:" + std::string(256, 'r'),
        std::string("o/r\0x", 5)));

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
      {"ssh://me:secret@h.org/o/r", "\"ssh://h.org/o/r\"", "a password"},
      {"http://h.org/o/r", "\"http://h.org/o/r\"", "https://, ssh://"},
      {"file://h/o/r", "\"file://h/o/r\"", "no host"},
      {"/a b/r", "\"/a b/r\"", "a link by such a name"},
      {"o/r:a@b/..", "\"o/r:a@b/..\"", "git allows"},
  };
  for (const auto& c : kCases) {
    const std::string message(ParseRepoSpec(c.text).status().message());
    EXPECT_NE(message.find(c.shown), std::string::npos) << message;
    EXPECT_NE(message.find(c.why), std::string::npos) << message;
    EXPECT_EQ(message.find("secret"), std::string::npos) << message;
  }
}

TEST(RepoTest, ShowsNoPageOfWhatIsNoRepo) {
  const std::string message(
      ParseRepoSpec("h/\x01\x87/n/-/tree").status().message());
  EXPECT_NE(message.find("letters, digits"), std::string::npos) << message;
  EXPECT_EQ(message.find('\x87'), std::string::npos);
}

TEST(RepoTest, SaysWhichRepoAPageShows) {
  const struct {
    const char* text;
    const char* repo;
  } kCases[] = {
      {"https://gitlab.example/g/s/n/-/tree/main", "gitlab.example/g/s/n:REF"},
      {"https://gitlab.example/g/n/-/blob/main/a.py", "gitlab.example/g/n:REF"},
      {"https://github.com/O/n/tree/main", "github.com/o/n:REF"},
      {"https://gitea.example/o/n/src/branch/main", "gitea.example/o/n:REF"},
      {"https://bitbucket.org/w/n/src/main/", "bitbucket.org/w/n:REF"},
  };
  for (const auto& c : kCases) {
    const absl::Status status = ParseRepoSpec(c.text).status();
    EXPECT_EQ(ReasonOf(status), Reason::kInvalidRepo) << c.text;
    EXPECT_NE(status.message().find(c.repo), absl::string_view::npos) << status;
  }
}

TEST(RepoTest, WhatItSaysOfItselfIsReadAgain) {
  for (const Good& good : kGood) {
    const absl::StatusOr<RepoSpec> spec =
        ParseRepoSpec(good.id.ToString() + ":" + good.ref);
    ASSERT_TRUE(spec.ok()) << spec.status();
    EXPECT_EQ(spec->id, good.id) << good.id.ToString();
    EXPECT_EQ(spec->ref, good.ref);
    EXPECT_EQ(ParseRepoSpec(good.id.Url()).value().id, good.id);
  }
}

TEST(RepoTest, SaysItsNameAndUrl) {
  RepoId id = {"github.com", "o", "r"};
  EXPECT_EQ(id.ToString(), "github.com/o/r");
  EXPECT_EQ(id.Url(), "https://github.com/o/r");
  id = {"ssh://git@h:2222", "g/s", "n.git"};
  EXPECT_EQ(id.ToString(), "ssh://git@h:2222/g/s/n.git");
  EXPECT_EQ(id.Url(), id.ToString());
  EXPECT_TRUE(IsSshUrl(id.Url()));
  id = {"file://", "", "n"};
  EXPECT_EQ(id.Url(), "file:///n");
  EXPECT_TRUE(IsFileUrl(id.Url()));
  EXPECT_FALSE(IsSshUrl(id.Url()));
}

TEST(RepoTest, ACommitIsFortyLowerCaseHexDigits) {
  EXPECT_TRUE(IsCommit("0123456789abcdef0123456789abcdef01234567"));
  EXPECT_FALSE(IsCommit("0123456789ABCDEF0123456789abcdef01234567"));
  EXPECT_FALSE(IsCommit("0123456789abcdef0123456789abcdef0123456"));
  EXPECT_FALSE(IsCommit("0123456789abcdef0123456789abcdef01234567a"));
}

}  // namespace
}  // namespace hubd
