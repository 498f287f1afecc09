#include "server/sandbox/spawn.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/sandbox/policy.h"

namespace hubd {
namespace {

TEST(SpawnTest, StartsTheLauncherWithPipes) {
  SandboxPolicy policy;
  policy.bubblewrap = "/nonexistent/bwrap";
  const auto spawned = SpawnLauncher(policy, "request");
  ASSERT_TRUE(spawned.ok()) << spawned.status();
  pollfd end = {spawned->pidfd.get(), POLLIN, 0};
  ASSERT_EQ(::poll(&end, 1, 10000), 1);
  int status = 0;
  ASSERT_EQ(::waitpid(spawned->pid, &status, 0), spawned->pid);
  EXPECT_EQ(WEXITSTATUS(status), 125);
  char buffer[4096];
  const ssize_t size = ::read(spawned->output.get(), buffer, sizeof buffer);
  ASSERT_GT(size, 0);
  EXPECT_THAT(std::string(buffer, size), testing::HasSubstr("/nonexistent"));
  // Nobody else has the other ends.
  EXPECT_EQ(::read(spawned->output.get(), buffer, sizeof buffer), 0);
  EXPECT_EQ(::read(spawned->result.get(), buffer, sizeof buffer), 0);
  EXPECT_EQ(::read(spawned->status.get(), buffer, sizeof buffer), 0);
}

}  // namespace
}  // namespace hubd
