#include "server/net/credentials.h"

#include <sys/stat.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "tests/server/net/test_server.h"

namespace hubd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string Header(const std::string& login) {
  return absl::StrCat("Authorization: Basic ", absl::Base64Escape(login));
}

class CredentialsTest : public testing::Test {
 protected:
  Credentials Make(const std::string& url, bool limited = false) {
    return Credentials(
        {url, std::make_shared<const CallerEnvironment>(environment_)},
        *ParseUrl(url), options_, limited);
  }

  // The headers, or files, that are shown in turn.
  std::vector<std::string> All(const std::string& url, bool limited = false) {
    Credentials credentials = Make(url, limited);
    std::vector<std::string> shown;
    while (std::optional<Credential> next = credentials.Next({})) {
      shown.push_back(next->header + next->netrc_file);
    }
    explanation_ = credentials.Explain();
    return shown;
  }

  std::string WriteNetrc(const std::string& name) {
    HUBD_CHECK(WriteFileDurably(home_ + name, "machine h\n", 0600).ok());
    return home_ + name;
  }

  void SetHelper(const std::string& answer) {
    HUBD_CHECK(WriteFileDurably(
                   home_ + "/.gitconfig",
                   absl::StrCat("[credential]\nhelper = \"!cat >> ", home_,
                                "/told; printf '", answer, "';:\"\n"),
                   0600)
                   .ok());
  }

  const std::string home_ = MakeTempDirectory();
  CallerEnvironment environment_ = {{"HOME", home_}, {"PATH", "/usr/bin:/bin"}};
  CredentialOptions options_;
  std::string explanation_;
};

TEST_F(CredentialsTest, ComeInOrder) {
  environment_["GITHUB_TOKEN"] = "token";
  environment_["GH_TOKEN"] = "other";
  const std::string netrc = WriteNetrc("/.netrc");
  SetHelper("username=me\\\\npassword=secret\\\\n");
  EXPECT_THAT(
      All("https://github.com/o/r"),
      ElementsAre(Header("x-access-token:token"), netrc, Header("me:secret")));
}

TEST_F(CredentialsTest, ATokenIsForGitHubUnderTlsAlone) {
  environment_["GH_TOKEN"] = "token";
  EXPECT_THAT(All("https://github.com/o/r"),
              ElementsAre(Header("x-access-token:token")));
  for (const char* url :
       {"http://github.com/o/r", "https://notgithub.com/o/r",
        "https://github.com.example.org/o/r", "https://api.github.com/o/r",
        "https://git.example/o/r"}) {
    EXPECT_THAT(All(url), IsEmpty()) << url;
    EXPECT_THAT(explanation_, Not(HasSubstr("TOKEN")));
  }
}

TEST_F(CredentialsTest, AgainstALimitOnlyATokenHelps) {
  WriteNetrc("/.netrc");
  EXPECT_THAT(All("https://github.com/o/r", /*limited=*/true), IsEmpty());
  EXPECT_EQ(explanation_, "");
  environment_["GITHUB_TOKEN"] = "token";
  EXPECT_THAT(All("https://github.com/o/r", /*limited=*/true),
              ElementsAre(Header("x-access-token:token")));
}

TEST_F(CredentialsTest, WhatCouldEndAHeaderIsNone) {
  for (const char* token : {"a\nb", "a\rb", "\x01", "a\x7f"}) {
    environment_["GITHUB_TOKEN"] = token;
    EXPECT_THAT(All("https://github.com/o/r"), IsEmpty());
    EXPECT_THAT(explanation_, HasSubstr("GITHUB_TOKEN has control bytes"));
  }
  SetHelper("username=me\\\\npassword=a\\\\001b\\\\n");
  EXPECT_THAT(All("https://h/o/r"), IsEmpty());
  EXPECT_THAT(explanation_, HasSubstr("its login has control bytes"));
  SetHelper("username=a:b\\\\npassword=c\\\\n");
  EXPECT_THAT(All("https://h/o/r"), IsEmpty());
}

TEST_F(CredentialsTest, TheNetrcFileCanBeAnother) {
  WriteNetrc("/.netrc");
  environment_["NETRC"] = WriteNetrc("/other");
  EXPECT_THAT(All("https://h/o/r"), ElementsAre(home_ + "/other"));
  environment_["NETRC"] = home_ + "/missing";
  EXPECT_THAT(All("https://h/o/r"), IsEmpty());
  EXPECT_THAT(explanation_, HasSubstr("the file of NETRC is not there"));
}

TEST_F(CredentialsTest, ANetrcThatCannotBeReadIsNone) {
  ASSERT_EQ(::mkfifo((home_ + "/.netrc").c_str(), 0600), 0);
  EXPECT_THAT(All("https://h/o/r"), IsEmpty());
  EXPECT_THAT(explanation_, HasSubstr("~/.netrc is not there"));
}

TEST_F(CredentialsTest, SaysWhyEachDidNotHelp) {
  environment_["GITHUB_TOKEN"] = "token";
  WriteNetrc("/.netrc");
  Credentials credentials = Make("https://github.com/o/r");
  HttpResponse refusal;
  refusal.status = 401;
  while (std::optional<Credential> next = credentials.Next({})) {
    credentials.Refuse(*next, refusal, {});
  }
  EXPECT_EQ(credentials.Explain(),
            "; GITHUB_TOKEN was refused (HTTP 401); ~/.netrc has nothing for "
            "github.com; git's credential helper has nothing for github.com: "
            "what is private needs one of these");
}

TEST_F(CredentialsTest, AHelperForgetsOnlyWhatIsNoLogin) {
  SetHelper("username=me\\\\npassword=secret\\\\n");
  const std::string told = home_ + "/told";
  Credentials credentials = Make("https://h/o/r");
  const std::optional<Credential> login = credentials.Next({});
  ASSERT_TRUE(login);
  ASSERT_EQ(WriteFileDurably(told, "", 0600), absl::OkStatus());
  HttpResponse refusal;
  refusal.status = 403;
  credentials.Refuse(*login, refusal, {});
  EXPECT_EQ(*ReadFile(told), "");
  refusal.status = 401;
  refusal.effective_url = "https://elsewhere/o/r";
  credentials.Refuse(*login, refusal, {});
  EXPECT_EQ(*ReadFile(told), "");
  refusal.effective_url = "https://h/o/r/info/refs";
  credentials.Refuse(*login, refusal, {});
  EXPECT_THAT(*ReadFile(told), HasSubstr("password=secret"));
}

TEST_F(CredentialsTest, NobodysAreUsedWhereTheyAreNotHeeded) {
  environment_["GITHUB_TOKEN"] = "token";
  options_.heeded = false;
  EXPECT_THAT(All("https://github.com/o/r"), IsEmpty());
  EXPECT_THAT(explanation_, HasSubstr("serves all users"));
  EXPECT_THAT(explanation_, HasSubstr("HUBD_SOCKET="));
}

}  // namespace
}  // namespace hubd
