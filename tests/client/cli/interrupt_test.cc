#include "client/cli/interrupt.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <thread>

namespace hubd {
namespace {

TEST(InterruptTest, ASignalAsksForAStop) {
  const Interrupt interrupt;
  EXPECT_EQ(interrupt.signal(), 0);
  ASSERT_EQ(::kill(::getpid(), SIGINT), 0);
  while (!interrupt.token().stop_requested()) std::this_thread::yield();
  EXPECT_EQ(interrupt.signal(), SIGINT);
}

TEST(InterruptTest, EndsWithoutASignal) {
  const std::stop_token token = Interrupt().token();
  EXPECT_FALSE(token.stop_requested());
}

TEST(InterruptDeathTest, ASecondSignalEndsTheProcess) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        const Interrupt interrupt;
        ::kill(::getpid(), SIGTERM);
        while (interrupt.signal() == 0) std::this_thread::yield();
        ::kill(::getpid(), SIGTERM);
        while (true) ::pause();
      },
      testing::ExitedWithCode(128 + SIGTERM), "");
}

}  // namespace
}  // namespace hubd
