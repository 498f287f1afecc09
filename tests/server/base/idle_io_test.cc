#include "server/base/idle_io.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <thread>

namespace hubd {
namespace {

// As in linux/ioprio.h, which in some versions is no C++.
constexpr long kClassIdle = 3;

// Of the calling thread.
long PriorityClass() {
  constexpr int kWhoProcess = 1;
  constexpr int kClassShift = 13;
  return ::syscall(SYS_ioprio_get, kWhoProcess, 0) >> kClassShift;
}

TEST(IdleIoTest, HoldsForThisThreadAndThoseThatItStartsAndEnds) {
  const long before = PriorityClass();
  {
    const IdleIo idle;
    EXPECT_EQ(PriorityClass(), kClassIdle);
    std::jthread([] { EXPECT_EQ(PriorityClass(), kClassIdle); }).join();
  }
  EXPECT_EQ(PriorityClass(), before);
}

}  // namespace
}  // namespace hubd
