#include "server/net/credential_helper.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "server/base/unique_fd.h"
#include "tests/server/net/test_server.h"

namespace hubd {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class CredentialHelperTest : public testing::Test {
 protected:
  // Makes `script` the helper of the home's git.
  void SetHelper(const std::string& script) {
    const std::string file = home_ + "/helper";
    HUBD_CHECK(
        WriteFileDurably(file, "#!/bin/sh\ncd " + home_ + "\n" + script, 0755)
            .ok());
    HUBD_CHECK(WriteFileDurably(
                   home_ + "/.gitconfig",
                   absl::StrCat("[credential]\nhelper = ", file, "\n", more_),
                   0600)
                   .ok());
  }

  CredentialHelper helper(absl::Duration timeout = absl::Minutes(1)) const {
    return CredentialHelper(
        std::make_shared<const CallerEnvironment>(CallerEnvironment{
            {"HOME", home_}, {"PATH", "/usr/bin:/bin"}, {"ODD", "odd"}}),
        timeout);
  }

  absl::StatusOr<HelperLogin> Fill(
      absl::Duration timeout = absl::Minutes(1)) const {
    return helper(timeout).Fill(*ParseUrl("https://git.example:8443/o/r"), {});
  }

  // Held open at both ends, so that opening it waits for nobody.
  UniqueFd OpenFifo(const std::string& name) const {
    const std::string path = home_ + "/" + name;
    HUBD_CHECK(::mkfifo(path.c_str(), 0600) == 0);
    return UniqueFd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  }

  std::string Noted(const std::string& name) const {
    return ReadFile(home_ + "/" + name).value_or("");
  }

  const std::string home_ = MakeTempDirectory();
  std::string more_;
};

TEST_F(CredentialHelperTest, GivesTheLoginOfTheCallersHelper) {
  SetHelper("cat > asked; printf 'username=me\\npassword=a b\\n'");
  const absl::StatusOr<HelperLogin> login = Fill();
  ASSERT_TRUE(login.ok()) << login.status();
  EXPECT_EQ(login->user, "me");
  EXPECT_EQ(login->password, "a b");
  EXPECT_EQ(Noted("asked"), "protocol=https\nhost=git.example:8443\n");
}

TEST_F(CredentialHelperTest, TellsTheRepositoryWhereItIsAskedFor) {
  more_ = "useHttpPath = true\n";
  SetHelper("cat > asked; printf 'username=me\\npassword=a\\n'");
  ASSERT_TRUE(Fill().ok());
  EXPECT_THAT(Noted("asked"), HasSubstr("path=o/r\n"));
}

TEST_F(CredentialHelperTest, TellsTheHelperWhatBecameOfItsLogin) {
  SetHelper(
      "cat >> told.$1; [ $1 = get ] && "
      "printf 'username=me\\npassword=secret\\n'; true");
  const absl::StatusOr<HelperLogin> login = Fill();
  ASSERT_TRUE(login.ok()) << login.status();
  helper().Approve(*login, {});
  EXPECT_THAT(Noted("told.store"), HasSubstr("username=me\npassword=secret\n"));
  EXPECT_EQ(Noted("told.erase"), "");
  helper().Reject(*login, {});
  EXPECT_THAT(Noted("told.erase"), HasSubstr("username=me\npassword=secret\n"));
}

TEST_F(CredentialHelperTest, SaysWhereThereIsNone) {
  EXPECT_TRUE(absl::IsNotFound(Fill().status()));
  for (const char* script :
       {"exit 0", "exit 1", "printf 'secret\\n'", "kill -9 $PPID",
        "printf 'username=me\\npass\\n'", "echo secret >&2; exit 3"}) {
    SetHelper(script);
    const absl::Status status = Fill().status();
    EXPECT_TRUE(absl::IsNotFound(status)) << script << status;
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("secret")));
  }
}

TEST_F(CredentialHelperTest, TakesLittleOfWhatAHelperSays) {
  SetHelper(
      "printf 'username=me\\npassword='; yes | tr -d '\\n' | "
      "head -c 30000; echo");
  EXPECT_TRUE(absl::IsInvalidArgument(Fill().status())) << Fill().status();
}

TEST_F(CredentialHelperTest, EndsAHelperThatHangs) {
  const UniqueFd fifo = OpenFifo("fifo");
  SetHelper("read line < fifo");
  const absl::Status status = Fill(absl::Milliseconds(100)).status();
  EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(absl::IsCancelled(
      helper().Fill(*ParseUrl("https://h/o/r"), stop.get_token()).status()));
}

TEST_F(CredentialHelperTest, LeavesWhatAHelperStartsRunning) {
  // As git's cache of credentials does.
  const UniqueFd ask = OpenFifo("ask");
  const UniqueFd answer = OpenFifo("answer");
  SetHelper(
      "printf 'username=me\\npassword=a\\n'\n"
      "(read line < ask; echo lives > answer) > /dev/null 2>&1 < /dev/null &");
  ASSERT_TRUE(Fill().ok());
  ASSERT_EQ(::write(ask.get(), "go\n", 3), 3);
  pollfd lives = {answer.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&lives, 1, 30000), 1);
}

TEST_F(CredentialHelperTest, AsksNobody) {
  more_ = "[core]\naskPass = " + home_ + "/ask\n";
  HUBD_CHECK(WriteFileDurably(home_ + "/ask",
                              "#!/bin/sh\ntouch " + home_ + "/asked\n", 0755)
                 .ok());
  SetHelper("env > environment; ps -o sid= -p $$ > session");
  EXPECT_TRUE(absl::IsNotFound(Fill().status()));
  EXPECT_FALSE(IsThere(home_ + "/asked"));
  EXPECT_THAT(Noted("environment"), HasSubstr("GIT_TERMINAL_PROMPT=0"));
  // Of a session of its own, hence without our terminal.
  int session = 0;
  EXPECT_TRUE(absl::SimpleAtoi(Noted("session"), &session));
  EXPECT_NE(session, ::getsid(0));
  // Of what is lent, only what hub.proto names.
  EXPECT_THAT(Noted("environment"), Not(HasSubstr("ODD")));
}

}  // namespace
}  // namespace hubd
