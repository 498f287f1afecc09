#include "server/net/ssh_command.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "tests/server/net/test_server.h"
#include "tests/testing/child_process.h"

namespace hubd {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;

LentEnvironment Lend(CallerEnvironment environment) {
  return std::make_shared<const CallerEnvironment>(std::move(environment));
}

std::vector<std::string> ArgumentsFor(const std::string& url,
                                      const LentEnvironment& environment) {
  return SshArguments(ParseSshUrl(url).value(), environment,
                      absl::Milliseconds(2500));
}

TEST(SshCommandTest, TakesAUrlApart) {
  const struct {
    const char* url;
    const char* user;
    const char* host;
    int port;
    const char* path;
  } kCases[] = {
      {"ssh://git@h/o/n.git", "git", "h", 0, "/o/n.git"},
      {"ssh://h:2222/n", "", "h", 2222, "/n"},
      {"ssh://me@h.example/~/n", "me", "h.example", 0, "~/n"},
      {"ssh://me@h/~you/n", "me", "h", 0, "~you/n"},
      {"ssh://me@h/~", "me", "h", 0, "~"},
  };
  for (const auto& c : kCases) {
    const absl::StatusOr<SshAddress> address = ParseSshUrl(c.url);
    ASSERT_TRUE(address.ok()) << c.url << address.status();
    EXPECT_EQ(address->user, c.user);
    EXPECT_EQ(address->host, c.host);
    EXPECT_EQ(address->port, c.port);
    EXPECT_EQ(address->path, c.path);
  }
}

TEST(SshCommandTest, RefusesWhatCouldBeAnOptionOrMoreThanAWord) {
  for (const char* url :
       {"ssh://-oProxyCommand=x/n", "ssh://h/n'x", "ssh://h/n;x", "ssh://h/$x",
        "ssh://-u@h/n", "ssh://u:p@h/n", "ssh://h:0/n", "ssh://h:x/n",
        "ssh://h", "ssh://h/", "ssh:///n", "https://h/o/n", "ssh://h/a b"}) {
    EXPECT_EQ(ReasonOf(ParseSshUrl(url).status()), Reason::kInvalidRepo) << url;
  }
}

TEST(SshCommandTest, ReadsNoConfigurationAndAsksNothing) {
  const auto arguments =
      ArgumentsFor("ssh://git@h.example:2222/o/n", Lend({{"HOME", "/h"}}));
  EXPECT_EQ(arguments[0], "-F");
  EXPECT_EQ(arguments[1], "none");
  EXPECT_THAT(arguments,
              IsSupersetOf({"BatchMode=yes", "StrictHostKeyChecking=yes",
                            "ProxyCommand=none", "PermitLocalCommand=no",
                            "ClearAllForwardings=yes", "ConnectTimeout=2",
                            "GlobalKnownHostsFile=/etc/ssh/ssh_known_hosts",
                            "UserKnownHostsFile=\"/h/.ssh/known_hosts\"",
                            "Port=2222", "User=git"}));
  const std::vector<std::string> end(arguments.end() - 3, arguments.end());
  EXPECT_THAT(
      end, testing::ElementsAre("--", "h.example", "git-upload-pack '/o/n'"));
}

TEST(SshCommandTest, UsesTheKeysOfTheCallerAlone) {
  const std::string home = MakeTempDirectory() + "/a home%d";
  ASSERT_TRUE(MakeDirectories(home + "/.ssh", 0700).ok());
  auto arguments = ArgumentsFor("ssh://h/n", Lend({{"HOME", home}}));
  EXPECT_THAT(arguments,
              IsSupersetOf({"IdentityAgent=none", "IdentityFile=none"}));
  ASSERT_TRUE(WriteFileDurably(home + "/.ssh/id_rsa", "x", 0600).ok());
  arguments = ArgumentsFor(
      "ssh://h/n", Lend({{"HOME", home}, {"SSH_AUTH_SOCK", "/run/agent"}}));
  EXPECT_THAT(arguments, Contains("IdentityAgent=\"/run/agent\""));
  EXPECT_THAT(arguments, Not(Contains("IdentityFile=none")));
  // As ssh itself understands it.
  std::vector<std::string> command = {"ssh", "-G"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  auto child = ChildProcess::Spawn(command);
  ASSERT_TRUE(child.ok());
  std::vector<std::string> lines;
  for (;;) {
    absl::StatusOr<std::string> line = (*child)->ReadLine();
    if (!line.ok()) break;
    lines.push_back(*line);
  }
  ASSERT_EQ((*child)->Wait(), 0);
  EXPECT_THAT(lines, Contains("identityagent /run/agent"));
  EXPECT_THAT(lines, Contains(HasSubstr("/.ssh/id_rsa")));
  EXPECT_THAT(lines, Contains("proxycommand none").Times(0));
}

TEST(SshCommandTest, APathThatSshWouldReadOtherwiseIsNone) {
  for (const char* home : {"relative", "/a\"b", "/${HOME}", "/a\nb", "/a\\b"}) {
    EXPECT_THAT(ArgumentsFor("ssh://h/n", Lend({{"HOME", home}})),
                IsSupersetOf({"UserKnownHostsFile=none", "IdentityFile=none"}))
        << home;
  }
}

TEST(SshCommandTest, SaysWhatFailedAndTheWayOut) {
  const struct {
    const char* words;
    Reason reason;
    const char* cause;
    const char* said;
  } kCases[] = {
      {"No ED25519 host key is known for [h]:2222 and you have requested "
       "strict checking.\r\nHost key verification failed.\r\n",
       Reason::kUpstreamForbidden, "host_key",
       "ssh-keyscan -p 2222 h >> /home/me/.ssh/known_hosts"},
      {"@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\n"
       "Host key verification failed.\n",
       Reason::kUpstreamForbidden, "host_key", "ssh-keygen -R '[h]:2222'"},
      {"git@h: Permission denied (publickey).", Reason::kUpstreamForbidden,
       "key", "ssh-add"},
      {"fatal: '/o/n' does not appear to be a git repository",
       Reason::kRepoNotFound, "missing", "check the name"},
      {"ERROR: Repository not found.\nfatal: Could not read from remote "
       "repository.",
       Reason::kRepoNotFound, "missing", "check the name"},
      {"remote: ERROR: The project you were looking for could not be found or "
       "you don't have permission to view it.",
       Reason::kRepoNotFound, "missing", "or not for you"},
      {"ssh: connect to host h port 2222: Connection refused",
       Reason::kUpstreamUnavailable, "connect", "Connection refused"},
      {"Connection timed out during banner exchange",
       Reason::kUpstreamUnavailable, "timeout", "timed out"},
      {"ssh: Could not resolve hostname h: Name or service not known",
       Reason::kUpstreamUnavailable, "dns", "resolve"},
      {"", Reason::kUpstreamUnavailable, "cut", "nothing"},
  };
  for (const auto& c : kCases) {
    const absl::Status status = SshFailure("ssh://git@h:2222/o/n", c.words,
                                           Lend({{"HOME", "/home/me"}}));
    EXPECT_EQ(ReasonOf(status), c.reason) << status;
    EXPECT_EQ(MetadataValue(status, "cause"), c.cause) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.said));
    EXPECT_THAT(std::string(status.message()), HasSubstr("ssh://git@h:2222/o"));
  }
}

TEST(SshCommandTest, KeepsLittleOfWhatAHostSaysAndNoControlByte) {
  const std::string message(
      SshFailure("ssh://h/n", "\x1b[31m" + std::string(99999, 'x') + "\x1b[0m",
                 nullptr)
          .message());
  EXPECT_LT(message.size(), 1000u);
  EXPECT_EQ(message.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace hubd
