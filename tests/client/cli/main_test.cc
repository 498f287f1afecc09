#include <gmock/gmock.h>
#include <signal.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "client/cli/table.h"
#include "server/base/fs.h"
#include "tests/client/cli/hubctl_fixture.h"
#include "tests/client/cli/pseudo_terminal.h"

namespace hubd {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

// Reports progress until it is told to end.
class SlowFetch {
 public:
  SlowFetch(FakeDaemon& daemon, const std::string& blob) {
    daemon.on_fetch = [this, blob](auto& context, const auto&,
                                   const auto& send) {
      v1::FetchStateDictResponse event;
      event.mutable_progress()->set_phase(v1::Progress::DOWNLOADING);
      event.mutable_progress()->set_subject(
          "https://example.com/\x1b]0;evil\x07" + std::string(300, 'x'));
      event.mutable_progress()->set_done_bytes(1000);
      event.mutable_progress()->set_total_bytes(4000);
      send(event);
      while (!ended && !context.IsCancelled()) std::this_thread::yield();
      event.mutable_result()->set_path(blob);
      send(event);
      return grpc::Status::OK;
    };
  }

  std::atomic<bool> ended = false;
};

class MainTest : public HubctlTest {
 protected:
  MainTest() { EXPECT_TRUE(WriteFileDurably(blob_, "bytes", 0444).ok()); }

  // All that a fetch draws on a terminal of so many columns.
  std::string Screen(int columns) {
    SlowFetch fetch(daemon_, blob_);
    PseudoTerminal terminal(columns);
    const pid_t pid = Start({"fetch", "https://e.com/m"}, terminal.program());
    terminal.CloseProgram();
    std::string screen;
    for (std::string more = " "; !more.empty(); screen += more) {
      more = terminal.Read();
      if (screen.find("25%") != std::string::npos) fetch.ended = true;
    }
    const Ended ended = Wait(pid);
    EXPECT_EQ(ended.code, 0);
    EXPECT_EQ(ended.out, blob_ + "\n");
    return screen;
  }

  const std::string blob_ = directory_.Below("blob");
};

TEST_F(MainTest, DrawsProgressWithinTheTerminal) {
  for (const int columns : {80, 200}) {
    const std::string screen = Screen(columns);
    EXPECT_THAT(screen, HasSubstr("1.0 kB of 4.0 kB"));
    EXPECT_THAT(screen, EndsWith("\r\x1b[K"));
    EXPECT_THAT(screen, Not(HasSubstr("\x1b]0;")));
    EXPECT_THAT(screen, Not(HasSubstr("\x1b[3")));  // a colour
    EXPECT_THAT(screen, Not(HasSubstr("\n")));
    const size_t begin = screen.find("downloading");
    const std::string line =
        screen.substr(begin, screen.find("\x1b[K", begin) - begin);
    EXPECT_EQ(DisplayWidth(line), static_cast<size_t>(columns - 1));
  }
}

TEST_F(MainTest, DrawsNothingWhereProgressIsOff) {
  SlowFetch fetch(daemon_, blob_);
  fetch.ended = true;
  environment_.Set("HUBD_PROGRESS", "0");
  EXPECT_EQ(Hubctl({"fetch", "https://e.com/m"}).err, "");
  environment_.Unset("HUBD_PROGRESS");
  EXPECT_EQ(Hubctl({"fetch", "https://e.com/m", "--no-progress"}).err, "");
  EXPECT_EQ(Hubctl({"fetch", "https://e.com/m", "-q"}).err, "");
}

TEST_F(MainTest, ExitCodeFollowsTheReason) {
  Reason reason{};
  daemon_.on_get_dir = [&](auto&, const auto&, auto&) {
    return Failure(reason, "no \x1b[31m way");
  };
  struct Case {
    Reason reason;
    int code;
  };
  for (const Case& one :
       {Case{Reason::kUpstreamUnavailable, 1}, Case{Reason::kInvalidRepo, 2},
        Case{Reason::kNotYours, 4}, Case{Reason::kRefNotFound, 5},
        Case{Reason::kOfflineMiss, 6}, Case{Reason::kBadArchive, 7}}) {
    reason = one.reason;
    const Ended ended = Hubctl({"get-dir"});
    EXPECT_EQ(ended.code, one.code);
    EXPECT_EQ(ended.out, "");
    EXPECT_EQ(ended.err, "hubctl: no \uFFFD[31m way\n");
  }
}

TEST_F(MainTest, JsonErrorsAreOneDocumentOnStdout) {
  daemon_.on_get_dir = [&](auto&, const auto&, auto&) {
    return Failure(Reason::kRateLimited, "wait", {{"retry_after_ms", "9"}});
  };
  const Ended ended = Hubctl({"get-dir", "--json"});
  EXPECT_EQ(ended.code, 1);
  EXPECT_EQ(ended.err, "");
  EXPECT_THAT(ended.out, HasSubstr("\"reason\": \"RATE_LIMITED\""));
  EXPECT_THAT(ended.out, HasSubstr("\"retry_after_ms\": \"9\""));
}

TEST_F(MainTest, NoDaemonExitsWithThree) {
  const std::vector<std::string> command = {"get-dir", "--dir",
                                            directory_.Below("root")};
  EXPECT_EQ(Hubctl({"get-dir", "--socket", "/none"}).code, 3);
  environment_.Set("HUBD_SOCKET", "");
  EXPECT_EQ(Hubctl(command).code, 3);
  environment_.Unset("HUBD_SOCKET");
  environment_.Set("HUBD_AUTOSTART", "0");
  const Ended ended = Hubctl(command);
  EXPECT_EQ(ended.code, 3);
  EXPECT_THAT(ended.err, HasSubstr("switched off"));
}

TEST_F(MainTest, TimeoutNamesTheCommandsTime) {
  SlowFetch fetch(daemon_, blob_);
  const Ended ended =
      Hubctl({"fetch", "https://e.com/m", "--timeout", "200ms"});
  EXPECT_EQ(ended.code, 1);
  EXPECT_EQ(ended.err, "hubctl: not done within 200ms\n");
}

TEST_F(MainTest, TerminationCancelsToo) {
  SlowFetch fetch(daemon_, blob_);
  const pid_t pid = Start({"fetch", "https://e.com/m", "--no-progress"});
  while (daemon_.requests() == 0) std::this_thread::yield();
  ASSERT_EQ(::kill(pid, SIGTERM), 0);
  EXPECT_EQ(Wait(pid).code, 128 + SIGTERM);
}

TEST_F(MainTest, AResultThatCannotBeWrittenIsAFailure) {
  const std::string program =
      std::string(::getenv("TEST_SRCDIR")) + "/hubd/client/hubctl";
  const int status = std::system(
      (program + " get-dir >/dev/full 2>" + directory_.Below("err")).c_str());
  EXPECT_EQ(WEXITSTATUS(status), 1);
  EXPECT_THAT(*ReadFile(directory_.Below("err")),
              HasSubstr("cannot write the result"));
}

TEST_F(MainTest, MisuseExitsWithTwoAndAHint) {
  const Ended ended = Hubctl({"bogus"});
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.err, HasSubstr("Run hubctl --help"));
}

}  // namespace
}  // namespace hubd
