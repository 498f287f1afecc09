// The io thread: one Asio loop that owns every state machine.
//
// Nothing on it may wait. State that says "Confined to the io thread" needs no
// lock. Thread-safe where not said otherwise.

#ifndef HUBD_SERVER_BASE_IO_THREAD_H_
#define HUBD_SERVER_BASE_IO_THREAD_H_

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <thread>

#include "absl/time/time.h"
#include "server/base/executor.h"

namespace hubd {

class IoThread final : public Executor {
 public:
  // One wait. Dropped: the work is not run. Confined to the io thread.
  class Timer {
   public:
    explicit Timer(boost::asio::io_context& context) : timer_(context) {}

   private:
    friend class IoThread;
    boost::asio::steady_timer timer_;
    // Empties when the timer goes, so that a handler that is already queued
    // knows.
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  };

  IoThread();
  // Stops the loop: work that was posted and not run is dropped. Joins.
  ~IoThread() override;

  void Post(std::function<void()> work) override;

  // Runs `work` on the io thread after `delay`, unless the timer goes first.
  // Called on the io thread.
  [[nodiscard]] std::unique_ptr<Timer> RunAfter(absl::Duration delay,
                                                std::function<void()> work);

  // Runs what is posted and returns when it has run; then the loop is stopped.
  // Not called on the io thread.
  void Stop();

  // For sockets, signals and descriptors.
  boost::asio::io_context& context() { return context_; }

 private:
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type>
      work_;
  std::thread thread_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_BASE_IO_THREAD_H_
