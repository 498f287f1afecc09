#include "server/base/idle_io.h"

#include <sys/syscall.h>
#include <unistd.h>

namespace hubd {
namespace {

// As in linux/ioprio.h, which in some versions (Debian's 6.1.192) is no C++.
constexpr int kWhoProcess = 1;
constexpr int kClassIdle = 3;
constexpr int kClassShift = 13;

// glibc has no functions for these. 0: the calling thread.
int GetPriority() {
  return static_cast<int>(::syscall(SYS_ioprio_get, kWhoProcess, 0));
}

bool SetPriority(int priority) {
  return ::syscall(SYS_ioprio_set, kWhoProcess, 0, priority) == 0;
}

}  // namespace

IdleIo::IdleIo() : before_(GetPriority()) {
  if (before_ < 0) return;
  if (!SetPriority(kClassIdle << kClassShift)) before_ = -1;
}

IdleIo::~IdleIo() {
  if (before_ >= 0) SetPriority(before_);
}

}  // namespace hubd
