#include "server/rpc/tracked_executor.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>

namespace hubd {
namespace {

TEST(TrackedExecutorTest, AwaitIdleWaitsForAllThatWasPosted) {
  ThreadPool pool("test", 2);
  TrackedExecutor executor(pool);
  executor.AwaitIdle();
  std::promise<void> gate;
  std::shared_future<void> open = gate.get_future().share();
  std::atomic<int> ran = 0;
  for (int i = 0; i < 10; ++i) {
    executor.Post([open, &ran] {
      open.wait();
      ++ran;
    });
  }
  gate.set_value();
  executor.AwaitIdle();
  EXPECT_EQ(ran, 10);
}

TEST(TrackedExecutorTest, WhatTheWorkHoldsIsGoneWhenItIsIdle) {
  ThreadPool pool("test", 1);
  TrackedExecutor executor(pool);
  auto held = std::make_shared<int>(1);
  std::weak_ptr<int> weak = held;
  executor.Post([held = std::move(held)] {});
  executor.AwaitIdle();
  EXPECT_TRUE(weak.expired());
}

}  // namespace
}  // namespace hubd
