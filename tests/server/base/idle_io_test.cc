#include "server/base/idle_io.h"

#include <gtest/gtest.h>
#include <linux/ioprio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <thread>

namespace hubd {
namespace {

long Priority() { return ::syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0); }

TEST(IdleIoTest, HoldsForThisThreadAndThoseThatItStartsAndEnds) {
  const long before = Priority();
  {
    const IdleIo idle;
    EXPECT_EQ(IOPRIO_PRIO_CLASS(Priority()), IOPRIO_CLASS_IDLE);
    std::jthread([] {
      EXPECT_EQ(IOPRIO_PRIO_CLASS(Priority()), IOPRIO_CLASS_IDLE);
    }).join();
  }
  EXPECT_EQ(IOPRIO_PRIO_CLASS(Priority()), IOPRIO_PRIO_CLASS(before));
}

}  // namespace
}  // namespace hubd
