#include "server/net/git_tunnel.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "server/base/unique_fd.h"
#include "tests/server/net/git_repository.h"
#include "tests/server/net/test_server.h"

namespace hubd {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

std::string WantOf(const std::string& commit) {
  return absl::StrCat("0040want ", commit, " side-band-64k\n00000009done\n");
}

// An ssh first in PATH, which does what `script` says with the command that it
// is to run as $command; the end of what the real one would do.
class FakeSsh {
 public:
  explicit FakeSsh(const std::string& script) {
    const std::string directory = MakeTempDirectory();
    HUBD_CHECK(WriteFileDurably(directory + "/ssh",
                                "#!/bin/sh\nfor command; do :; done\n" + script,
                                0755)
                   .ok());
    ::setenv("PATH", absl::StrCat(directory, ":", old_).c_str(), 1);
  }
  ~FakeSsh() { ::setenv("PATH", old_.c_str(), 1); }

 private:
  const std::string old_ = ::getenv("PATH");
};

class GitTunnelTest : public testing::Test {
 protected:
  absl::StatusOr<std::string> Advertisement(const std::string& url) {
    return TunnelAdvertisement({url}, options_, deadline_, stop_.get_token());
  }

  // What comes through a tunnel after `question`; the tunnel's end.
  absl::Status Tunnel(const std::string& url, const std::string& question) {
    int fds[2];
    HUBD_CHECK(::socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    UniqueFd ours(fds[0]);
    const UniqueFd theirs(fds[1]);
    answer_.clear();
    absl::Status ended;
    std::thread tunnel([&] {
      ended = TunnelGit(
          {url}, theirs.get(), options_, deadline_,
          [this](int64_t bytes) { received_ = bytes; }, stop_.get_token());
      ::shutdown(theirs.get(), SHUT_RDWR);
    });
    char piece[4096];
    for (ssize_t got; (got = ::read(ours.get(), piece, sizeof(piece))) > 0;) {
      // A server speaks first.
      if (answer_.empty()) {
        ::send(ours.get(), question.data(), question.size(), MSG_NOSIGNAL);
        if (asks_no_more_) ::shutdown(ours.get(), SHUT_WR);
      }
      answer_.append(piece, got);
      if (!wanted_end_.empty() && answer_.ends_with(wanted_end_)) ours.reset();
      if (!ours.valid()) break;
    }
    tunnel.join();
    return ended;
  }

  const std::string root_ = MakeTempDirectory();
  const GitRepository repository_{root_, "r"};
  const std::string url_ = "file://" + root_ + "/r";
  GitRelayOptions options_;
  absl::Time deadline_ = absl::Now() + absl::Minutes(1);
  std::stop_source stop_;
  std::string wanted_end_;
  bool asks_no_more_ = false;
  std::string answer_;
  int64_t received_ = 0;
};

TEST_F(GitTunnelTest, ListsWhatARepositoryOnThisMachineHas) {
  const std::string commit = repository_.Commit("main", "a", "one");
  const absl::StatusOr<std::string> list = Advertisement(url_);
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_THAT(*list, HasSubstr(commit + " refs/heads/main"));
  EXPECT_THAT(*list, EndsWith("0000"));
}

TEST_F(GitTunnelTest, SaysWhyARepositoryOnThisMachineCannotBeRead) {
  const absl::Status missing = Advertisement(url_ + "x").status();
  EXPECT_EQ(ReasonOf(missing), Reason::kRepoNotFound) << missing;
  EXPECT_THAT(std::string(missing.message()), HasSubstr(root_ + "/rx"));
  if (::chown((root_ + "/r").c_str(), 61000, 61000) != 0) {
    GTEST_SKIP() << "only root can give it away, and not in every sandbox";
  }
  const absl::Status others = Advertisement(url_).status();
  EXPECT_EQ(ReasonOf(others), Reason::kUpstreamForbidden) << others;
  EXPECT_EQ(MetadataValue(others, "cause"), "owner");
}

// A repository that came from a stranger says what is to be run.
TEST_F(GitTunnelTest, RunsNothingThatARepositoryNames) {
  repository_.Commit("main", "a", "one");
  const std::string ran = MakeTempDirectory() + "/ran";
  const std::string touch = "touch " + ran;
  for (const char* key : {"uploadpack.packObjectsHook", "core.fsmonitor",
                          "core.sshCommand", "core.gitProxy"}) {
    repository_.Git({"config", key, touch});
  }
  repository_.Git({"config", "extensions.partialClone", "origin"});
  repository_.Git({"config", "core.repositoryFormatVersion", "1"});
  repository_.Git({"config", "remote.origin.promisor", "true"});
  repository_.Git({"config", "remote.origin.url", "ext::" + touch});
  repository_.Git({"config", "protocol.ext.allow", "always"});
  const std::string blob = repository_.Git({"rev-parse", "main:a"});
  ASSERT_EQ(::unlink(absl::StrCat(root_, "/r/objects/", blob.substr(0, 2), "/",
                                  blob.substr(2))
                         .c_str()),
            0);
  for (const char* hook : {"pre-receive", "post-checkout", "upload-pack"}) {
    ASSERT_TRUE(WriteFileDurably(absl::StrCat(root_, "/r/hooks/", hook),
                                 "#!/bin/sh\n" + touch, 0755)
                    .ok());
  }
  const std::string commit = repository_.Git({"rev-parse", "main"});
  const absl::Status ended = Tunnel(url_, WantOf(commit));
  EXPECT_TRUE(ended.ok()) << ended;
  EXPECT_THAT(answer_, HasSubstr(commit));
  EXPECT_FALSE(IsThere(ran));
}

TEST_F(GitTunnelTest, CarriesQuestionsAndAnswersAndCountsThem) {
  const std::string commit = repository_.Commit("main", "a", "one");
  const absl::Status ended = Tunnel(url_, WantOf(commit));
  EXPECT_TRUE(ended.ok()) << ended;
  EXPECT_THAT(answer_, HasSubstr("PACK"));
  EXPECT_EQ(received_, static_cast<int64_t>(answer_.size()));
}

// As git does, which has nothing to say while the files come.
TEST_F(GitTunnelTest, CarriesAnAnswerToAGitThatAsksNoMore) {
  const std::string commit = repository_.Commit("main", "a", "one");
  asks_no_more_ = true;
  EXPECT_EQ(Tunnel(url_, WantOf(commit)), absl::OkStatus());
  EXPECT_THAT(answer_, HasSubstr("PACK"));
  EXPECT_THAT(answer_, EndsWith("0000"));
}

TEST_F(GitTunnelTest, EndsWhenGitGoes) {
  repository_.Commit("main", "a", "one");
  wanted_end_ = "0000";
  EXPECT_EQ(Tunnel(url_, ""), absl::OkStatus());
}

TEST_F(GitTunnelTest, RunsSshAndAsksForVersion2WhereGitCanSpeakIt) {
  repository_.Commit("main", "a", "one");
  const FakeSsh ssh("echo \"$GIT_PROTOCOL\" >>" + root_ +
                    "/log; eval \"$command\"");
  const std::string url = "ssh://h" + root_ + "/r";
  EXPECT_THAT(Advertisement(url).value_or(""), HasSubstr("refs/heads/main"));
  wanted_end_ = "0000";
  EXPECT_EQ(Tunnel(url, ""), absl::OkStatus());
  EXPECT_THAT(answer_, HasSubstr("version 2"));
  EXPECT_EQ(ReadFile(root_ + "/log").value_or(""), "\nversion=2\n");
}

TEST_F(GitTunnelTest, SaysWhatSshSays) {
  const FakeSsh ssh(
      "echo 'me@h: Permission denied (publickey).' >&2; exit 255");
  for (const absl::Status& status :
       {Advertisement("ssh://me@h/n").status(), Tunnel("ssh://me@h/n", "")}) {
    EXPECT_EQ(ReasonOf(status), Reason::kUpstreamForbidden) << status;
    EXPECT_EQ(MetadataValue(status, "cause"), "key");
  }
}

TEST_F(GitTunnelTest, SaysWhenThereIsNoSsh) {
  const std::string old = ::getenv("PATH");
  const std::string directory = MakeTempDirectory();
  for (const char* name : {"prlimit", "setpriv"}) {
    HUBD_CHECK(::symlink(absl::StrCat("/usr/bin/", name).c_str(),
                         absl::StrCat(directory, "/", name).c_str()) == 0);
  }
  ::setenv("PATH", directory.c_str(), 1);
  const absl::Status status = Advertisement("ssh://h/n").status();
  ::setenv("PATH", old.c_str(), 1);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("apt install openssh-client"));
}

TEST_F(GitTunnelTest, RefusesWhatIsNotGits) {
  const FakeSsh ssh("echo Welcome to this machine");
  for (const absl::Status& status :
       {Advertisement("ssh://h/n").status(), Tunnel("ssh://h/n", "")}) {
    EXPECT_EQ(ReasonOf(status), Reason::kUpstreamUnavailable) << status;
    EXPECT_EQ(MetadataValue(status, "cause"), "protocol");
  }
}

TEST_F(GitTunnelTest, GivesUpAHostThatDoesNotSpeakOrFallsSilent) {
  options_.connect_timeout = absl::Milliseconds(10);
  options_.stall_timeout = absl::Milliseconds(10);
  {
    const FakeSsh ssh("exec sleep 1000");
    for (const absl::Status& status :
         {Advertisement("ssh://h/n").status(), Tunnel("ssh://h/n", "")}) {
      EXPECT_EQ(MetadataValue(status, "cause"), "timeout") << status;
    }
  }
  // In the middle of an answer, and after a question.
  options_.connect_timeout = absl::Seconds(10);
  for (const char* said : {"0009ab", "0000"}) {
    const FakeSsh ssh(absl::StrCat("printf ", said, "; exec sleep 1000"));
    const absl::Status status = Tunnel("ssh://h/n", "0009done\n");
    EXPECT_EQ(MetadataValue(status, "cause"), "timeout") << said << status;
  }
}

TEST_F(GitTunnelTest, HasBoundsOfBytesAndTime) {
  options_.max_bytes = 100;
  for (int i = 0; i < 3; ++i) {
    repository_.Commit(absl::StrCat("b", i), "a", "one");
  }
  for (const absl::Status& status :
       {Advertisement(url_).status(), Tunnel(url_, "")}) {
    EXPECT_THAT(std::string(status.message()), HasSubstr("over 100 bytes"));
  }
  const FakeSsh ssh("exec sleep 1000");
  deadline_ = absl::Now();
  EXPECT_FALSE(Advertisement("ssh://h/n").ok());
  EXPECT_EQ(Tunnel("ssh://h/n", "").code(),
            absl::StatusCode::kDeadlineExceeded);
}

TEST_F(GitTunnelTest, EndsWhenStopped) {
  const FakeSsh ssh("exec sleep 1000");
  stop_.request_stop();
  EXPECT_EQ(Advertisement("ssh://h/n").status().code(),
            absl::StatusCode::kCancelled);
  EXPECT_EQ(Tunnel("ssh://h/n", "").code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace hubd
