#include "server/base/io_thread.h"

#include <pthread.h>

#include <boost/asio/post.hpp>
#include <future>
#include <utility>

namespace hubd {

IoThread::IoThread()
    : work_(boost::asio::make_work_guard(context_)),
      thread_([this] { context_.run(); }) {
  pthread_setname_np(thread_.native_handle(), "io");
}

IoThread::~IoThread() { Stop(); }

void IoThread::Post(std::function<void()> work) {
  boost::asio::post(context_, std::move(work));
}

std::unique_ptr<IoThread::Timer> IoThread::RunAfter(
    absl::Duration delay, std::function<void()> work) {
  auto timer = std::make_unique<Timer>(context_);
  timer->timer_.expires_after(absl::ToChronoNanoseconds(delay));
  timer->timer_.async_wait(
      [alive = std::weak_ptr<bool>(timer->alive_),
       work = std::move(work)](const boost::system::error_code& error) {
        if (!error && !alive.expired()) work();
      });
  return timer;
}

void IoThread::Stop() {
  if (!thread_.joinable()) return;
  std::promise<void> reached;
  Post([&reached] { reached.set_value(); });
  reached.get_future().wait();
  context_.stop();
  thread_.join();
}

}  // namespace hubd
