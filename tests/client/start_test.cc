#include "client/start.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "server/base/fs.h"
#include "server/base/unique_fd.h"
#include "tests/client/started_daemons.h"

namespace hubd {
namespace {

using Kind = StartReport::Kind;

TEST(ParseStartReportTest, KnowsThreeWords) {
  EXPECT_EQ(ParseStartReport("ready /a b/s").kind, Kind::kReady);
  EXPECT_EQ(ParseStartReport("ready /a b/s").socket, "/a b/s");
  EXPECT_EQ(ParseStartReport("held 1 host -").kind, Kind::kHeld);
  EXPECT_EQ(ParseStartReport("held 1 host -").text, "1 host -");
  EXPECT_EQ(ParseStartReport("error no space").text, "no space");
  EXPECT_EQ(ParseStartReport("").kind, Kind::kEnded);
  EXPECT_EQ(ParseStartReport("readily").kind, Kind::kOther);
  EXPECT_EQ(ParseStartReport("readily").text, "readily");
}

TEST(FindDaemonProgramTest, TakesTheNamedOneThenPath) {
  EnvironmentScope scope;
  TempDir directory;
  ASSERT_TRUE(
      WriteFileDurably(directory.Below("hubd"), "#!/bin/sh\n", 0755).ok());
  scope.Set("PATH", absl::StrCat("relative:/none:", directory.path()));
  EXPECT_EQ(*FindDaemonProgram(), directory.Below("hubd"));
  scope.Set("HUBD_DAEMON", "/opt/hubd");
  EXPECT_EQ(*FindDaemonProgram(), "/opt/hubd");
}

TEST(FindDaemonProgramTest, SaysThatThereIsNone) {
  EnvironmentScope scope;
  scope.Set("PATH", "/none");
  EXPECT_TRUE(absl::IsUnavailable(FindDaemonProgram().status()));
}

TEST(StartDaemonTest, LeavesNothingOfTheClientToTheDaemon) {
  StartedDaemons daemons;
  // Inherited by a careless start.
  const UniqueFd stray(::dup(2));
  ASSERT_GE(stray.get(), 0);
  const absl::StatusOr<StartReport> report =
      StartDaemon(StartedDaemons::Program(), daemons.root(), CallLimit());
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->kind, Kind::kReady);
  EXPECT_EQ(report->socket, daemons.Below("socket"));
  EXPECT_EQ(daemons.Lines("facts"),
            std::vector<std::string>(
                {"own session", "cwd /", "fd 0", "fd 1", "fd 2", "fd 3"}));
}

TEST(StartDaemonTest, SaysWhenItEndsWithoutAWord) {
  StartedDaemons daemons;
  daemons.environment().Set("FAKE_HUBD", "silent");
  const absl::StatusOr<StartReport> report =
      StartDaemon(StartedDaemons::Program(), daemons.root(), CallLimit());
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->kind, Kind::kEnded);
}

TEST(StartDaemonTest, EndsByTheLimit) {
  StartedDaemons daemons;
  daemons.environment().Set("FAKE_HUBD", "stuck");
  const CallLimit limit(absl::Milliseconds(200));
  EXPECT_TRUE(absl::IsDeadlineExceeded(
      StartDaemon(StartedDaemons::Program(), daemons.root(), limit).status()));
}

TEST(StartDaemonTest, SaysThatTheProgramCannotRun) {
  const absl::Status status =
      StartDaemon("/none/hubd", "/none", CallLimit()).status();
  EXPECT_EQ(status, absl::UnavailableError(
                        "cannot start /none/hubd: No such file or directory; "
                        "set HUBD_DAEMON to the program hubd"));
}

TEST(EndOfLogTest, QuotesTheLastTwentyLines) {
  TempDir root;
  ASSERT_TRUE(MakeDirectories(root.Below("store"), 0700).ok());
  EXPECT_EQ(EndOfLog(root.path()), " and left no log");
  std::string log;
  for (int i = 1; i <= 30; ++i) absl::StrAppend(&log, "line ", i, "\x07\n");
  ASSERT_TRUE(WriteFileDurably(root.Below("store/log"), log, 0600).ok());
  const std::string end = EndOfLog(root.path());
  EXPECT_EQ(end.find("line 10"), std::string::npos);
  EXPECT_NE(end.find(":\nline 11\uFFFD\nline 12\uFFFD\n"), std::string::npos)
      << end;
  EXPECT_THAT(end, testing::EndsWith("line 30\uFFFD"));
}

}  // namespace
}  // namespace hubd
