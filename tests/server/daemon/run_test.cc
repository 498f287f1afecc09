#include "server/daemon/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "server/base/log.h"

namespace hubd {
namespace {

using ::testing::HasSubstr;

TEST(RunTest, TheLogLevelIsTheEnvironments) {
  ::setenv("HUBD_LOG", "error", 1);
  SetLogLevelFromEnvironment();
  EXPECT_FALSE(LogEnabled(LogLevel::kWarning));
  ::setenv("HUBD_LOG", "debug", 1);
  SetLogLevelFromEnvironment();
  EXPECT_TRUE(LogEnabled(LogLevel::kDebug));
}

TEST(RunTest, AWordThatIsNoLogLevelIsSaidAndPassedOver) {
  ::setenv("HUBD_LOG", "info", 1);
  SetLogLevelFromEnvironment();
  ::setenv("HUBD_LOG", "loud", 1);
  ::testing::internal::CaptureStderr();
  SetLogLevelFromEnvironment();
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("\"loud\""));
  EXPECT_TRUE(LogEnabled(LogLevel::kInfo));
  EXPECT_FALSE(LogEnabled(LogLevel::kDebug));
}

TEST(RunTest, CheckConfigNamesTheFileThatIsRight) {
  CommandLine line;
  line.config = ::testing::TempDir() + "/good.toml";
  std::ofstream(*line.config) << "[refs]\nttl = \"1m\"\n";
  ::testing::internal::CaptureStdout();
  EXPECT_EQ(CheckConfig(line), 0);
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), *line.config + ": ok\n");
}

TEST(RunTest, CheckConfigSaysWhatIsWrong) {
  CommandLine line;
  line.config = ::testing::TempDir() + "/bad.toml";
  std::ofstream(*line.config) << "[refs]\nttl = \"soon\"\n";
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(CheckConfig(line), 1);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              HasSubstr(*line.config + ":2: refs.ttl: expected a duration"));
}

}  // namespace
}  // namespace hubd
