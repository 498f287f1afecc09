#include "server/base/executor.h"

#include <pthread.h>

#include <system_error>
#include <utility>

namespace hubd {

ThreadPool::ThreadPool(std::string name, int max_threads)
    : name_(std::move(name)), max_threads_(max_threads) {
  MutexLock lock(mutex_);
  StartThread();
}

ThreadPool::~ThreadPool() {
  std::vector<std::thread> threads;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    threads.swap(threads_);
  }
  condition_.NotifyAll();
  for (std::thread& thread : threads) thread.join();
}

void ThreadPool::Post(std::function<void()> work) {
  {
    MutexLock lock(mutex_);
    queue_.push_back(std::move(work));
    // Work that waits already has claims on the idle threads.
    if (static_cast<int>(queue_.size()) > idle_ &&
        static_cast<int>(threads_.size()) < max_threads_ && !stopping_) {
      StartThread();
    }
  }
  condition_.NotifyOne();
}

void ThreadPool::StartThread() {
  try {
    threads_.emplace_back([this] { Run(); });
    pthread_setname_np(threads_.back().native_handle(), name_.c_str());
  } catch (const std::system_error&) {
    // The system has no thread to give. Those that run will do the work.
    if (threads_.empty()) throw;
  }
}

void ThreadPool::Run() {
  mutex_.lock();
  while (true) {
    ++idle_;
    while (queue_.empty() && !stopping_) condition_.Wait(mutex_);
    --idle_;
    if (queue_.empty()) break;
    std::function<void()> work = std::move(queue_.front());
    queue_.pop_front();
    mutex_.unlock();
    work();
    work = nullptr;  // What it holds may post again: destroy it unlocked.
    mutex_.lock();
  }
  mutex_.unlock();
}

}  // namespace hubd
