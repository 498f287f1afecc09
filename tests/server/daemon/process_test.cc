#include "server/daemon/process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace hubd {
namespace {

TEST(ProcessTest, AStopSignalIsTakenOnce) {
  PrepareProcess();
  EXPECT_FALSE(WaitForStopSignal(absl::ZeroDuration()));
  for (int signal : {SIGTERM, SIGINT}) {
    ::kill(::getpid(), signal);
    EXPECT_TRUE(WaitForStopSignal(absl::Seconds(10)));
    EXPECT_FALSE(WaitForStopSignal(absl::ZeroDuration()));
  }
}

TEST(ProcessTest, AHangUpOrABrokenPipeDoesNotEndIt) {
  PrepareProcess();
  ::raise(SIGHUP);
  ::raise(SIGXFSZ);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ::close(ends[0]);
  EXPECT_EQ(::write(ends[1], "x", 1), -1);
  EXPECT_EQ(errno, EPIPE);
  ::close(ends[1]);
}

TEST(ProcessTest, RaisesTheLimitOfDescriptorsAndSetsTheUmask) {
  rlimit low;
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &low), 0);
  low.rlim_cur = 64;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  PrepareProcess();
  rlimit limit;
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(limit.rlim_cur, limit.rlim_max);
  EXPECT_EQ(::umask(077), 022u);
}

}  // namespace
}  // namespace hubd
