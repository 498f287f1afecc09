// std::mutex with clang's thread-safety annotations.
//
// gcc ignores the annotations; the clang build (-Wthread-safety) checks them.
// std::mutex and not absl::Mutex, because ThreadSanitizer understands it
// without an instrumented absl.

#ifndef HUBD_SERVER_BASE_MUTEX_H_
#define HUBD_SERVER_BASE_MUTEX_H_

#include <condition_variable>
#include <mutex>

#include "absl/base/thread_annotations.h"

namespace hubd {

class ABSL_LOCKABLE Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { mutex_.lock(); }
  void unlock() ABSL_UNLOCK_FUNCTION() { mutex_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

// Holds a Mutex for a scope.
class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex)
      : mutex_(mutex) {
    mutex_.lock();
  }
  ~MutexLock() ABSL_UNLOCK_FUNCTION() { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// A condition variable for Mutex. Wait in a loop that tests the condition.
class CondVar {
 public:
  void Wait(Mutex& mutex) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    Held held(mutex.mutex_, std::adopt_lock);
    condition_.wait(held);
    held.release();
  }
  template <class TimePoint>
  std::cv_status WaitUntil(Mutex& mutex, const TimePoint& deadline)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    Held held(mutex.mutex_, std::adopt_lock);
    const std::cv_status status = condition_.wait_until(held, deadline);
    held.release();
    return status;
  }
  void NotifyOne() { condition_.notify_one(); }
  void NotifyAll() { condition_.notify_all(); }

 private:
  using Held = std::unique_lock<std::mutex>;

  // Not the _any kind, whose own second mutex each wake-up contends for.
  std::condition_variable condition_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_BASE_MUTEX_H_
