#include "server/net/git_relay.h"

#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "server/base/unique_fd.h"
#include "server/net/curl_transport.h"
#include "tests/server/net/git_repository.h"
#include "tests/server/net/test_server.h"

namespace hubd {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kListRefs[] = "0014command=ls-refs\n00010009peel\n0000";

class GitRelayTest : public testing::Test {
 protected:
  GitRelayTest() { Connect(); }

  void Connect() {
    int fds[2];
    HUBD_CHECK(::socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    git_.reset(fds[0]);
    relay_.reset(fds[1]);
  }

  // Relays until the answer of git, which `play` plays, is over.
  absl::Status Relay(const std::string& path, std::function<void()> play,
                     const GitRelayOptions& options = {}) {
    std::jthread player([&] {
      play();
      ::shutdown(git_.get(), SHUT_WR);
    });
    const absl::Status status = RelayGit(
        *http_, server_.Url(path), relay_.get(), options, deadline_,
        [this](int64_t bytes) { received_ = bytes; }, stop_.get_token());
    relay_.reset();
    return status;
  }

  void Ask(absl::string_view text) {
    HUBD_CHECK(WriteAll(git_.get(), text).ok());
  }

  // One line of the protocol, without its length; "0000" for a flush.
  std::string Line() {
    std::string digits(4, '\0');
    if (::recv(git_.get(), digits.data(), 4, MSG_WAITALL) != 4) return "";
    const int length = std::stoi(digits, nullptr, 16);
    if (length == 0) return digits;
    std::string line(length - 4, '\0');
    ::recv(git_.get(), line.data(), line.size(), MSG_WAITALL);
    return line;
  }

  std::vector<std::string> LinesToFlush() {
    std::vector<std::string> lines;
    do {
      lines.push_back(Line());
    } while (lines.back() != "0000" && !lines.back().empty());
    return lines;
  }

  const std::string root_ = MakeTempDirectory();
  const GitRepository repository_{root_, "o/r"};
  TestServer server_{{"--git", root_}};
  std::unique_ptr<HttpTransport> http_ =
      CreateCurlTransport({}, MakePolicy()).value();
  UniqueFd git_;
  UniqueFd relay_;
  std::stop_source stop_;
  absl::Time deadline_ = absl::Now() + absl::Minutes(1);
  int64_t received_ = 0;
};

TEST_F(GitRelayTest, AnswersOneQuestionAfterAnother) {
  const std::string commit = repository_.Commit("main", "a", "one");
  std::vector<std::string> abilities, first, second;
  ASSERT_EQ(Relay("/git/o/r",
                  [&] {
                    abilities = LinesToFlush();
                    Ask(kListRefs);
                    first = LinesToFlush();
                    Ask(kListRefs);
                    second = LinesToFlush();
                  }),
            absl::OkStatus());
  EXPECT_EQ(abilities.front(), "version 2\n");
  EXPECT_THAT(first.back(), "0000");
  EXPECT_THAT(first, testing::Contains(commit + " refs/heads/main\n"));
  EXPECT_EQ(first, second);
  EXPECT_GT(received_, 80);
}

TEST_F(GitRelayTest, AsksARenamedRepositoryAtItsNewPlace) {
  repository_.Commit("main", "a", "one");
  std::vector<std::string> refs;
  ASSERT_EQ(Relay("/moved/o/r",
                  [&] {
                    LinesToFlush();
                    Ask(kListRefs);
                    refs = LinesToFlush();
                  }),
            absl::OkStatus());
  EXPECT_THAT(refs, testing::Contains(HasSubstr("refs/heads/main")));
}

TEST_F(GitRelayTest, ReportsWhatTheHostAnswers) {
  const struct {
    const char* path;
    Reason reason;
    const char* said;
  } kCases[] = {
      {"/git/o/missing", Reason::kRepoNotFound, "does not exist"},
      {"/status/429", Reason::kRateLimited, "429"},
      {"/html", Reason::kUpstreamUnavailable, "text/html"},
      {"/page", Reason::kUpstreamUnavailable, "version 2"},
      {"/old-git/o/r", Reason::kUpstreamUnavailable, "version 2"},
      {"/cut", Reason::kUpstreamUnavailable, "cut"},
  };
  for (const auto& c : kCases) {
    Connect();
    const absl::Status status = Relay(c.path, [] {});
    EXPECT_EQ(ReasonOf(status), c.reason) << c.path << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.said)) << c.path;
  }
}

TEST_F(GitRelayTest, BoundsWhatTheHostSends) {
  repository_.Commit("main", "a", "one");
  const absl::Status status = Relay("/git/o/r",
                                    [&] {
                                      LinesToFlush();
                                      Ask(kListRefs);
                                      LinesToFlush();
                                    },
                                    {.max_bytes = 20});
  EXPECT_THAT(std::string(status.message()), HasSubstr("over 20 bytes"));
}

TEST_F(GitRelayTest, RefusesWhatIsNoQuestion) {
  for (const char* text : {"zzzz", "00", "0014comm", "fff0"}) {
    Connect();
    const absl::Status status = Relay("/git/o/r", [&] {
      LinesToFlush();
      Ask(text);
    });
    EXPECT_FALSE(status.ok()) << text;
    EXPECT_FALSE(ReasonOf(status)) << status;
  }
}

TEST_F(GitRelayTest, AnAnswerThatEndsEarlyIsFollowedByTheEnd) {
  // In hex: nothing, 00, 000eunpack, 0008abcd, 00000008abcd.
  for (const char* answer : {"-", "3030", "30303065756e7061636b",
                             "3030303861626364", "303030303030303861626364"}) {
    Connect();
    std::string rest;
    const absl::Status status =
        Relay(std::string("/replies/") + answer + "/r", [&] {
          LinesToFlush();
          Ask(kListRefs);
          char byte;
          while (::read(git_.get(), &byte, 1) == 1) rest += byte;
        });
    EXPECT_TRUE(status.ok()) << answer << status;
    EXPECT_LE(rest.size(), 12u);
  }
}

TEST_F(GitRelayTest, RefusesWhatIsNoAnswer) {
  const absl::Status status = Relay("/replies/7a7a7a7a/r", [&] {
    LinesToFlush();
    Ask(kListRefs);
  });
  EXPECT_EQ(ReasonOf(status), Reason::kUpstreamUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("none of git's"));
}

TEST_F(GitRelayTest, RefusesAHostThatCannotWhatIsNeeded) {
  const absl::Status status =
      Relay("/git/o/r", [] {}, {.ability = "telepathy"});
  EXPECT_EQ(ReasonOf(status), Reason::kUpstreamUnavailable) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("(telepathy)"));
  Connect();
  EXPECT_TRUE(
      Relay("/git/o/r", [&] { LinesToFlush(); }, {.ability = "filter"}).ok());
}

TEST_F(GitRelayTest, EndsAtItsDeadline) {
  deadline_ = absl::Now();
  absl::Status status = Relay("/git/o/r", [&] { LinesToFlush(); });
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded) << status;
}

TEST_F(GitRelayTest, EndsWhenStopped) {
  const absl::Status status = Relay("/git/o/r", [&] {
    LinesToFlush();
    stop_.request_stop();
    Line();
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled) << status;
}

TEST_F(GitRelayTest, SaysThatGitWentAway) {
  const absl::Status status = Relay("/git/o/r", [&] { git_.reset(); });
  EXPECT_TRUE(status.ok() || absl::IsAborted(status)) << status;
}

}  // namespace
}  // namespace hubd
