// An executor that can be waited for.

#ifndef HUBD_SERVER_RPC_TRACKED_EXECUTOR_H_
#define HUBD_SERVER_RPC_TRACKED_EXECUTOR_H_

#include <functional>

#include "server/base/executor.h"
#include "server/base/mutex.h"

namespace hubd {

// Posts to another executor and counts what has not run. So its owner can end
// before the other executor does, and no work is left that refers to the
// owner's parts. Thread-safe.
class TrackedExecutor final : public Executor {
 public:
  // `target` must outlive it.
  explicit TrackedExecutor(Executor& target) : target_(target) {}

  void Post(std::function<void()> work) override;

  // Waits until all that was posted has run. Not called on `target`.
  void AwaitIdle();

 private:
  Executor& target_;
  Mutex mutex_;
  CondVar idle_;
  int pending_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace hubd

#endif  // HUBD_SERVER_RPC_TRACKED_EXECUTOR_H_
