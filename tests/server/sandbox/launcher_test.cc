#include "server/sandbox/launcher.h"

#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/sandbox/memfd.h"
#include "server/sandbox/orders.h"

namespace hubd {
namespace {

struct Outcome {
  int exit_status = 0;
  std::string message;
};

// Runs the stage in a child, with `orders` where it looks for them.
Outcome Launch(const std::string& orders) {
  int output[2];
  EXPECT_EQ(::pipe(output), 0);
  const auto fd = SealedMemfd(orders);
  EXPECT_TRUE(fd.ok());
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(output[1], STDERR_FILENO);
    ::dup2(fd->get(), kOrdersFd);
    ::_exit(SandboxLaunchMain());
  }
  ::close(output[1]);
  Outcome outcome;
  char buffer[4096];
  for (ssize_t size; (size = ::read(output[0], buffer, sizeof buffer)) > 0;) {
    outcome.message.append(buffer, size);
  }
  ::close(output[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  outcome.exit_status = WEXITSTATUS(status);
  return outcome;
}

TEST(LauncherTest, SaysWhatIsWrongWithItsOrders) {
  const Outcome outcome = Launch("nonsense");
  EXPECT_EQ(outcome.exit_status, 125);
  EXPECT_THAT(outcome.message, testing::HasSubstr("damaged"));
}

TEST(LauncherTest, DoesNothingForAParentThatIsGone) {
  LaunchOrders orders;
  orders.parent = 1;
  const Outcome outcome = Launch(EncodeOrders(orders));
  EXPECT_EQ(outcome.exit_status, 125);
  EXPECT_THAT(outcome.message, testing::HasSubstr("parent is gone"));
}

TEST(LauncherTest, NamesTheBubblewrapThatIsNotThere) {
  LaunchOrders orders;
  orders.parent = ::getpid();
  orders.policy.bubblewrap = "/nonexistent/bwrap";
  const Outcome outcome = Launch(EncodeOrders(orders));
  EXPECT_EQ(outcome.exit_status, 125);
  EXPECT_THAT(outcome.message, testing::HasSubstr("/nonexistent/bwrap"));
}

}  // namespace
}  // namespace hubd
