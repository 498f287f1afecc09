#include "server/base/io_thread.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace hubd {
namespace {

// Waits until what was posted so far has run.
void Drain(IoThread& io) {
  std::promise<void> reached;
  io.Post([&] { reached.set_value(); });
  reached.get_future().wait();
}

TEST(IoThreadTest, RunsWorkInOrderOnOneThread) {
  IoThread io;
  std::vector<int> order;
  std::thread::id id;
  bool same = true;
  io.Post([&] { id = std::this_thread::get_id(); });
  for (int i = 0; i < 100; ++i) {
    io.Post([&, i] {
      order.push_back(i);
      same = same && id == std::this_thread::get_id();
    });
  }
  Drain(io);
  EXPECT_EQ(order.size(), 100u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  EXPECT_TRUE(same);
  EXPECT_NE(id, std::this_thread::get_id());
}

TEST(IoThreadTest, ATimerRunsItsWork) {
  IoThread io;
  std::promise<void> ran;
  std::unique_ptr<IoThread::Timer> timer;
  io.Post([&] {
    timer = io.RunAfter(absl::Milliseconds(1), [&] { ran.set_value(); });
  });
  ran.get_future().wait();
  io.Stop();
}

TEST(IoThreadTest, ADroppedTimerDoesNotRunEvenWhenItIsDue) {
  IoThread io;
  std::atomic<bool> ran = false;
  io.Post([&] {
    auto timer = io.RunAfter(absl::ZeroDuration(), [&] { ran = true; });
  });
  std::promise<void> later;
  std::unique_ptr<IoThread::Timer> second;
  io.Post([&] {
    second = io.RunAfter(absl::Milliseconds(1), [&] { later.set_value(); });
  });
  later.get_future().wait();
  io.Stop();
  EXPECT_FALSE(ran);
}

TEST(IoThreadTest, StopRunsWhatWasPostedBefore) {
  IoThread io;
  std::atomic<int> count = 0;
  for (int i = 0; i < 1000; ++i) io.Post([&] { ++count; });
  io.Stop();
  EXPECT_EQ(count, 1000);
}

}  // namespace
}  // namespace hubd
