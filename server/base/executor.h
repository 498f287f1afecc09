// Where work runs: an interface, and a pool of threads.

#ifndef HUBD_SERVER_BASE_EXECUTOR_H_
#define HUBD_SERVER_BASE_EXECUTOR_H_

#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "server/base/mutex.h"

namespace hubd {

// Thread-safe.
class Executor {
 public:
  virtual ~Executor() = default;

  // Runs `work` later, on a thread of this executor; never inside Post.
  virtual void Post(std::function<void()> work) = 0;
};

// One to `max_threads` threads that run work in the order of posting. The first
// starts with the pool, so that Post cannot fail; further ones when work finds
// none idle. The destructor runs what was posted, then joins.
class ThreadPool final : public Executor {
 public:
  // `name` is what tools show for the threads; at most 15 characters. Throws
  // std::system_error where the system has no thread to give.
  ThreadPool(std::string name, int max_threads);
  ~ThreadPool() override;

  void Post(std::function<void()> work) override;

 private:
  void Run();
  void StartThread() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string name_;
  const int max_threads_;

  Mutex mutex_;
  CondVar condition_;
  std::deque<std::function<void()>> queue_ ABSL_GUARDED_BY(mutex_);
  int idle_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace hubd

#endif  // HUBD_SERVER_BASE_EXECUTOR_H_
