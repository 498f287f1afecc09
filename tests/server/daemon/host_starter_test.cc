#include "server/daemon/host_starter.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <future>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/fs.h"
#include "server/base/unique_fd.h"

namespace hubd {
namespace {

using ::testing::HasSubstr;

// The host is a script that tells its pid and arguments through one pipe and
// lives until it is told to end through another.
class HostStarterTest : public ::testing::Test {
 protected:
  HostStarterTest() {
    std::string pattern = "/tmp/host_starterXXXXXX";
    base_ = std::filesystem::canonical(::mkdtemp(pattern.data()));
    for (const char* name : {"/told", "/end"}) {
      EXPECT_EQ(::mkfifo((base_ + name).c_str(), 0600), 0);
    }
    std::ofstream(program())
        << "#!/bin/sh\necho \"$$ $*\" > " << base_ << "/told\necho hello >&2\n"
        << "read line < " << base_ << "/end\n";
    EXPECT_EQ(::chmod(program().c_str(), 0700), 0);
    starter_.emplace(UserHostStarter::Options{.program = program(),
                                              .log_file = base_ + "/log"},
                     io_);
    starter_->SetSocket("/s.sock");
  }
  ~HostStarterTest() override {
    io_.Stop();
    starter_.reset();
    (void)RemoveAll(base_);
  }

  void KillHost() {
    io_.Post([this] { starter_->KillHost(::geteuid()); });
    ended_.get_future().wait();
  }

  static void AwaitCollected(pid_t pid) {
    while (::kill(pid, 0) == 0) std::this_thread::yield();
    EXPECT_EQ(errno, ESRCH);
  }

  // The host tells the pid of a child by this name, which it does not end.
  void MakeBox(const std::string& name) {
    const std::string box = absl::StrCat(base_, "/", name);
    std::filesystem::copy_file("/bin/sleep", box);
    std::ofstream(program())
        << "#!/bin/sh\n"
        << box << " 1000 &\n"
        << "until [ \"$(cat /proc/$!/comm)\" = " << name << " ]; do :; done\n"
        << "echo \"$!\" > " << base_ << "/told\n"
        << "read line < " << base_ << "/end\n";
  }

  absl::Status Start(uid_t uid = ::geteuid()) {
    std::promise<absl::Status> result;
    io_.Post([this, uid, &result] {
      result.set_value(starter_->StartHost(
          uid, [this](const absl::Status& how) { ended_.set_value(how); }));
    });
    return result.get_future().get();
  }

  // Waits for a host to begin; the rest of its line goes to `arguments_`.
  pid_t NextHost() {
    std::ifstream told(base_ + "/told");
    pid_t pid = 0;
    told >> pid;
    std::getline(told, arguments_);
    return pid;
  }

  void EndHost() { std::ofstream(base_ + "/end") << "\n"; }

  std::string program() const { return base_ + "/host"; }

  std::string base_;
  IoThread io_;
  std::optional<UserHostStarter> starter_;
  std::promise<absl::Status> ended_;
  std::string arguments_;
};

TEST_F(HostStarterTest, StartsAWorkerHostThatKnowsSocketAndParent) {
  ASSERT_TRUE(Start().ok());
  EXPECT_GT(NextHost(), 0);
  EXPECT_EQ(arguments_, absl::StrCat(" worker-host --socket /s.sock --parent ",
                                     ::getpid()));
}

TEST_F(HostStarterTest, AskedAgainItStartsTheNextWhenTheFirstHasEnded) {
  ASSERT_TRUE(Start().ok());
  pid_t first = NextHost();
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(::kill(first, 0), 0);
  EndHost();
  pid_t second = NextHost();
  EXPECT_GT(second, 0);
  EXPECT_NE(second, first);
  // The first is reaped, not only dead.
  EXPECT_EQ(::kill(first, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

TEST_F(HostStarterTest, SaysHowTheHostEndedAndWhereItsLogIs) {
  ASSERT_TRUE(Start().ok());
  NextHost();
  io_.Post([this] { starter_->KillHost(::geteuid()); });
  const std::string how(ended_.get_future().get().message());
  EXPECT_THAT(how, HasSubstr("ended by signal 9"));
  EXPECT_THAT(how, HasSubstr(base_ + "/log"));
}

TEST_F(HostStarterTest, KillsAHostThatIsStopped) {
  ASSERT_TRUE(Start().ok());
  pid_t host = NextHost();
  ASSERT_EQ(::kill(host, SIGSTOP), 0);
  io_.Post([this] { starter_->KillHost(::geteuid()); });
  EXPECT_FALSE(ended_.get_future().get().ok());
  EXPECT_EQ(::kill(host, 0), -1);
}

TEST_F(HostStarterTest, EndsWhatAKilledHostLeavesBehind) {
  MakeBox("bwrap");
  ASSERT_TRUE(Start().ok());
  pid_t orphan = NextHost();
  EXPECT_EQ(::kill(orphan, 0), 0);
  KillHost();
  AwaitCollected(orphan);
}

TEST_F(HostStarterTest, EndsWhatItsHostLeavesBehindWhenItGoes) {
  MakeBox("bwrap");
  ASSERT_TRUE(Start().ok());
  pid_t orphan = NextHost();
  io_.Stop();
  starter_.reset();
  EXPECT_EQ(::kill(orphan, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

TEST_F(HostStarterTest, CollectsEveryChildThatHasDied) {
  MakeBox("other");
  ASSERT_TRUE(Start().ok());
  pid_t other = NextHost();
  ::kill(other, SIGKILL);
  KillHost();
  AwaitCollected(other);
}

// As the child of a shell that became the daemon.
TEST_F(HostStarterTest, LeavesOtherChildrenAlone) {
  MakeBox("other");
  ASSERT_TRUE(Start().ok());
  pid_t other = NextHost();
  KillHost();
  io_.Stop();
  starter_.reset();
  ::kill(other, SIGTERM);
  int status = 0;
  EXPECT_EQ(::waitpid(other, &status, 0), other);
  EXPECT_EQ(WTERMSIG(status), SIGTERM);
}

TEST_F(HostStarterTest, LeavesADeadGitOrSshToWhoWaitsForIt) {
  std::vector<pid_t> pids;
  for (const char* name : {"git", "ssh"}) {
    std::string program = base_ + "/" + name;
    std::filesystem::copy_file("/bin/true", program);
    posix_spawnattr_t attributes;
    ::posix_spawnattr_init(&attributes);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    char* const argv[] = {program.data(), nullptr};
    pid_t& pid = pids.emplace_back(0);
    ASSERT_EQ(::posix_spawn(&pid, program.c_str(), nullptr, &attributes, argv,
                            environ),
              0);
    ::posix_spawnattr_destroy(&attributes);
    siginfo_t info;
    ASSERT_EQ(::waitid(P_PID, pid, &info, WEXITED | WNOWAIT), 0);
  }
  MakeBox("bwrap");
  ASSERT_TRUE(Start().ok());
  NextHost();
  KillHost();
  io_.Stop();
  starter_.reset();
  for (pid_t pid : pids) EXPECT_EQ(::waitpid(pid, nullptr, 0), pid);
}

TEST_F(HostStarterTest, EndsItsHostWhenItGoes) {
  ASSERT_TRUE(Start().ok());
  pid_t host = NextHost();
  io_.Stop();
  starter_.reset();
  EXPECT_EQ(::kill(host, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

TEST_F(HostStarterTest, TheHostWritesIntoTheLog) {
  ASSERT_TRUE(Start().ok());
  NextHost();
  // The script reads its end only after it has written.
  EndHost();
  EXPECT_THAT(*ReadFile(base_ + "/log"), HasSubstr("hello"));
}

TEST_F(HostStarterTest, StartsNoHostForAnotherUser) {
  absl::Status status = Start(::geteuid() + 1);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr(absl::StrCat("uid ", ::geteuid() + 1)));
}

TEST_F(HostStarterTest, AProgramThatCannotBeStartedIsAnError) {
  std::filesystem::remove(program());
  EXPECT_THAT(std::string(Start().message()),
              HasSubstr("cannot start a worker host"));
}

TEST(SystemHostStarterTest, SaysThatItCannotAndWhatToDo) {
  absl::Status status = SystemHostStarter().StartHost(1000, nullptr);
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr("HUBD_SOCKET"));
}

}  // namespace
}  // namespace hubd
