#include "server/base/idle_io.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <thread>

namespace hubd {
namespace {

// As in linux/ioprio.h, which in some versions is no C++.
constexpr long kIdle = 3;

long Class() {
  constexpr int kWhoProcess = 1;
  return ::syscall(SYS_ioprio_get, kWhoProcess, 0) >> 13;
}

TEST(IdleIoTest, HoldsForThisThreadAndThoseThatItStartsAndEnds) {
  const long before = Class();
  {
    const IdleIo idle;
    EXPECT_EQ(Class(), kIdle);
    std::jthread([] { EXPECT_EQ(Class(), kIdle); }).join();
  }
  EXPECT_EQ(Class(), before);
}

}  // namespace
}  // namespace hubd
