#include "server/base/idle_io.h"

#include <linux/ioprio.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace hubd {
namespace {

// glibc has no functions for these. 0: the calling thread.
int GetPriority() {
  return static_cast<int>(::syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0));
}

bool SetPriority(int priority) {
  return ::syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, priority) == 0;
}

}  // namespace

IdleIo::IdleIo() : before_(GetPriority()) {
  if (before_ < 0) return;
  if (!SetPriority(IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0))) before_ = -1;
}

IdleIo::~IdleIo() {
  if (before_ >= 0) SetPriority(before_);
}

}  // namespace hubd
