#include "server/daemon/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace hubd {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Action = CommandLine::Action;

absl::StatusOr<CommandLine> Parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "hubd");
  return ParseCommandLine(static_cast<int>(arguments.size()), arguments.data());
}

TEST(CommandLineTest, WithoutArgumentsRunsTheDaemon) {
  auto line = Parse({});
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->action, Action::kRunDaemon);
  EXPECT_FALSE(line->system);
  EXPECT_FALSE(line->reflection);
  EXPECT_EQ(line->config, std::nullopt);
  EXPECT_EQ(line->dir, std::nullopt);
  EXPECT_EQ(line->socket, std::nullopt);
  EXPECT_EQ(line->idle_exit, std::nullopt);
}

TEST(CommandLineTest, ReadsEveryFlag) {
  auto line = Parse({"--system", "--config", "c.toml", "--dir=/d", "--socket",
                     "/s.sock", "--idle-exit", "500ms", "--reflection"});
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->action, Action::kRunDaemon);
  EXPECT_TRUE(line->system);
  EXPECT_TRUE(line->reflection);
  EXPECT_EQ(line->config, "c.toml");
  EXPECT_EQ(line->dir, "/d");
  EXPECT_EQ(line->socket, "/s.sock");
  EXPECT_EQ(line->idle_exit, absl::Milliseconds(500));
}

TEST(CommandLineTest, OfAFlagGivenTwiceTheLastCounts) {
  EXPECT_EQ(Parse({"--dir", "/a", "--dir", "/b"})->dir, "/b");
}

TEST(CommandLineTest, PrintsVersionAndHelp) {
  auto version = Parse({"--version"});
  ASSERT_TRUE(version.ok()) << version.status();
  EXPECT_EQ(version->action, Action::kPrint);
  EXPECT_EQ(version->text, "hubd 0.1.0\n");

  auto help = Parse({"--help"});
  ASSERT_TRUE(help.ok()) << help.status();
  EXPECT_EQ(help->action, Action::kPrint);
  EXPECT_THAT(help->text,
              AllOf(HasSubstr("--idle-exit"), HasSubstr("--check-config"),
                    Not(HasSubstr("worker-host"))));
}

TEST(CommandLineTest, ChecksTheConfiguration) {
  auto line = Parse({"--check-config", "--config", "c.toml"});
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->action, Action::kCheckConfig);
  EXPECT_EQ(line->config, "c.toml");
}

TEST(CommandLineTest, KnowsTheWorkerHost) {
  auto line = Parse({"worker-host", "--socket", "/s.sock", "--parent", "12"});
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->action, Action::kWorkerHost);
  EXPECT_EQ(line->socket, "/s.sock");
  EXPECT_EQ(line->parent, 12);
}

TEST(CommandLineTest, RefusesWrongUsage) {
  const std::vector<const char*> kCases[] = {
      {"--colour"},
      {"extra"},
      {"--dir"},
      {"--idle-exit", "soon"},
      {"worker-host"},
      {"worker-host", "--socket", "/s", "--parent", "x"},
      {"--idle-exit", "-1s"}};
  for (const auto& arguments : kCases) {
    auto line = Parse(arguments);
    ASSERT_FALSE(line.ok()) << arguments[0];
    EXPECT_EQ(line.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_FALSE(line.status().message().empty());
  }
}

}  // namespace
}  // namespace hubd
