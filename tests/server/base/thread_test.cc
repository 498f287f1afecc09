#include "server/base/thread.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>

namespace hubd {
namespace {

int Niceness() { return ::getpriority(PRIO_PROCESS, 0); }

TEST(ThreadTest, WhoGivesWayDoesSoAlone) {
  const int before = Niceness();
  int given = before;
  StartThread([&] {
    GiveWay();
    given = Niceness();
  })->join();
  EXPECT_EQ(given, std::min(before + 5, 19));
  EXPECT_EQ(Niceness(), before);
}

}  // namespace
}  // namespace hubd
