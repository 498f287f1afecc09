#include "server/rpc/tracked_executor.h"

#include <utility>

namespace hubd {

void TrackedExecutor::Post(std::function<void()> work) {
  {
    MutexLock lock(mutex_);
    ++pending_;
  }
  target_.Post([this, work = std::move(work)]() mutable {
    work();
    // What the work holds goes before the count says that it is gone.
    work = nullptr;
    MutexLock lock(mutex_);
    if (--pending_ == 0) idle_.NotifyAll();
  });
}

void TrackedExecutor::AwaitIdle() {
  MutexLock lock(mutex_);
  while (pending_ > 0) idle_.Wait(mutex_);
}

}  // namespace hubd
