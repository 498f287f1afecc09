#include "server/net/git_program.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "tests/server/net/test_server.h"

namespace hubd {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

absl::Time Soon() { return absl::Now() + absl::Minutes(1); }

// What a git prints.
std::string OutputOf(std::vector<std::string> arguments,
                     const std::string& directory) {
  int fds[2];
  HUBD_CHECK(::pipe2(fds, O_CLOEXEC) == 0);
  UniqueFd read(fds[0]);
  auto program =
      GitProgram::Start({std::move(arguments), directory, UniqueFd(fds[1])});
  HUBD_CHECK(program.ok());
  std::string text(4096, '\0');
  size_t length = 0;
  for (ssize_t got; (got = ::read(read.get(), text.data() + length,
                                  text.size() - length)) > 0;) {
    length += got;
  }
  HUBD_CHECK((*program)->Wait(Soon()).ok());
  text.resize(length);
  return text;
}

class GitProgramTest : public testing::Test {
 protected:
  const std::string directory_ = MakeTempDirectory();
};

TEST_F(GitProgramTest, MakesARepositoryWithoutHooks) {
  ASSERT_EQ(
      RunGit({{"init", "-q", "--bare", "--template="}, directory_}, Soon()),
      absl::OkStatus());
  EXPECT_TRUE(IsThere(directory_ + "/HEAD"));
  EXPECT_FALSE(IsThere(directory_ + "/hooks"));
}

TEST_F(GitProgramTest, SaysWhatGitSays) {
  const absl::Status status =
      RunGit({{"rev-list", "--all"}, directory_}, Soon());
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("git rev-list failed: fatal: not a git repository"));
}

TEST_F(GitProgramTest, KeepsLittleOfWhatItSaysAndNothingOfAHosts) {
  const absl::Status status = RunGit(
      {{"-c", "alias.talk=!yes 'remote: theirs' | head -c 1000000 >&2; false",
        "talk"},
       directory_},
      Soon());
  EXPECT_EQ(status.message(), "git -c failed: exit status 1") << status;
  const absl::Status own =
      RunGit({{"-c", "alias.talk=!yes ours | head -c 60000 >&2; false", "talk"},
              directory_},
             Soon());
  EXPECT_THAT(std::string(own.message()), HasSubstr("failed: "));
  EXPECT_LT(own.message().size(), 600u);
}

TEST_F(GitProgramTest, HeedsNoConfigurationOfTheUser) {
  const std::string home = MakeTempDirectory();
  ASSERT_TRUE(WriteFileDurably(home + "/.gitconfig",
                               "[core]\n\teditor = theirs\n", 0644)
                  .ok());
  const std::string old = ::getenv("HOME") ? ::getenv("HOME") : "";
  ::setenv("HOME", home.c_str(), 1);
  const absl::Cleanup restore = [&] { ::setenv("HOME", old.c_str(), 1); };
  ASSERT_TRUE(RunGit({{"init", "-q", "--bare"}, directory_}, Soon()).ok());
  const std::string listed = OutputOf({"config", "--list"}, directory_);
  EXPECT_THAT(listed, Not(HasSubstr("theirs")));
  EXPECT_THAT(listed, HasSubstr("core.hookspath=/dev/null"));
}

TEST_F(GitProgramTest, UsesNoTransportButItsDescriptor) {
  ASSERT_TRUE(RunGit({{"init", "-q", "--bare"}, directory_}, Soon()).ok());
  const std::string other = MakeTempDirectory();
  ASSERT_TRUE(RunGit({{"init", "-q", "--bare"}, other}, Soon()).ok());
  for (const std::string& url : {std::string("https://127.0.0.1:9/o/r"), other,
                                 std::string("ext::true")}) {
    EXPECT_THAT(
        std::string(RunGit({{"fetch", url}, directory_}, Soon()).message()),
        HasSubstr("not allowed"))
        << url;
  }
}

TEST_F(GitProgramTest, HasBoundsOfMemoryAndNoOtherDescriptors) {
  // Not closed on exec: the child must not have it.
  const UniqueFd leaked(::open("/dev/zero", O_RDONLY));
  ASSERT_TRUE(RunGit({{"init", "-q", "--bare"}, directory_}, Soon()).ok());
  const std::string script =
      "!ulimit -d; for fd in /proc/self/fd/*; do readlink $fd; done; true";
  const std::string said =
      OutputOf({"-c", "alias.look=" + script, "look"}, directory_);
  EXPECT_THAT(said, testing::StartsWith(absl::StrCat(2 << 20, "\n")));
  EXPECT_THAT(said, Not(HasSubstr("/dev/zero")));
}

TEST_F(GitProgramTest, EndsWithAllThatItStarted) {
  int fds[2];
  ASSERT_EQ(::pipe2(fds, O_CLOEXEC), 0);
  const UniqueFd read(fds[0]);
  auto program = GitProgram::Start(
      {{"-c", "alias.stay=!echo begun; sleep 1000 & wait", "stay"},
       directory_,
       UniqueFd(fds[1])});
  ASSERT_TRUE(program.ok()) << program.status();
  char begun[6];
  ASSERT_EQ(::read(read.get(), begun, sizeof(begun)), 6);
  (*program)->Kill();
  // Its end is that of every process that holds the pipe.
  EXPECT_EQ(::read(read.get(), begun, sizeof(begun)), 0);
  EXPECT_THAT(std::string((*program)->Wait(Soon()).message()),
              HasSubstr("ended by signal 9"));
}

TEST_F(GitProgramTest, CollectsWhatItLeavesToASubreaper) {
  ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  ASSERT_EQ(RunGit({{"-c", "alias.leave=!sleep 1000 &", "leave"}, directory_},
                   Soon()),
            absl::OkStatus());
  EXPECT_EQ(::waitpid(-1, nullptr, 0), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST_F(GitProgramTest, ACallersOwnHasItsEnvironmentAndNoneOfOurs) {
  GitCommand command;
  command.arguments = {"-c", "alias.look=!env; cat", "look"};
  command.environment = {"PATH=/usr/bin:/bin", "GIT_DIR=/dev/null", "OWN=1"};
  int input[2], output[2];
  ASSERT_EQ(::pipe2(input, O_CLOEXEC), 0);
  ASSERT_EQ(::pipe2(output, O_CLOEXEC), 0);
  command.input = UniqueFd(input[0]);
  command.output = UniqueFd(output[1]);
  const UniqueFd read(output[0]);
  ASSERT_EQ(::write(input[1], "told", 4), 4);
  ::close(input[1]);
  auto program = GitProgram::Start(std::move(command));
  ASSERT_TRUE(program.ok()) << program.status();
  std::string said;
  ASSERT_EQ(ReadGit(**program, read, Soon(),
                    [&](absl::string_view bytes) {
                      absl::StrAppend(&said, bytes);
                      return absl::OkStatus();
                    },
                    {}),
            absl::OkStatus());
  EXPECT_THAT(said, HasSubstr("OWN=1"));
  EXPECT_THAT(said, Not(HasSubstr("HOME=")));
  EXPECT_THAT(said, testing::EndsWith("told"));
}

TEST_F(GitProgramTest, ReadingEndsWithTheStopTheDeadlineOrTheSink) {
  const auto read = [&](const std::string& script, absl::Time deadline,
                        const absl::Status& sunk, std::stop_token stop) {
    int fds[2];
    HUBD_CHECK(::pipe2(fds, O_CLOEXEC) == 0);
    const UniqueFd output(fds[0]);
    auto program = GitProgram::Start({{"-c", "alias.talk=!" + script, "talk"},
                                      directory_,
                                      UniqueFd(fds[1])});
    HUBD_CHECK(program.ok());
    return ReadGit(
        **program, output, deadline, [&](absl::string_view) { return sunk; },
        stop);
  };
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(absl::IsCancelled(
      read("sleep 1000", Soon(), absl::OkStatus(), stop.get_token())));
  EXPECT_TRUE(absl::IsDeadlineExceeded(
      read("sleep 1000", absl::Now(), absl::OkStatus(), {})));
  EXPECT_TRUE(absl::IsDataLoss(
      read("echo x; sleep 1000", Soon(), absl::DataLossError("full"), {})));
}

TEST_F(GitProgramTest, IsKilledAtItsDeadline) {
  const absl::Status status = RunGit(
      {{"-c", "alias.stay=!sleep 1000", "stay"}, directory_}, absl::Now());
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded) << status;
}

TEST_F(GitProgramTest, EndsWithTheThreadThatStartedIt) {
  int fds[2];
  HUBD_CHECK(::pipe2(fds, O_CLOEXEC) == 0);
  const UniqueFd output(fds[0]);
  std::unique_ptr<GitProgram> program;
  std::thread([&] {
    program =
        *GitProgram::Start({{"-c", "alias.stay=!echo up; sleep 1000", "stay"},
                            directory_,
                            UniqueFd(fds[1])});
    char byte;
    HUBD_CHECK(::read(output.get(), &byte, 1) == 1);
  }).join();
  const absl::Status status = program->Wait(Soon());
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted) << status;
}

TEST_F(GitProgramTest, SaysWhenThereIsNoGit) {
  const std::string old = ::getenv("PATH");
  for (const std::string name : {"prlimit", "setpriv"}) {
    HUBD_CHECK(::symlink(("/usr/bin/" + name).c_str(),
                         (directory_ + "/" + name).c_str()) == 0);
  }
  ::setenv("PATH", directory_.c_str(), 1);
  const absl::Status status = RunGit({{"version"}, directory_}, Soon());
  ::setenv("PATH", old.c_str(), 1);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("apt install git"));
}

}  // namespace
}  // namespace hubd
