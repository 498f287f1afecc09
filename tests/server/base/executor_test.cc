#include "server/base/executor.h"

#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <future>
#include <thread>
#include <vector>

namespace hubd {
namespace {

TEST(ThreadPoolTest, RunsWorkInTheOrderOfPosting) {
  std::vector<int> order;
  {
    ThreadPool pool("test", 1);
    for (int i = 0; i < 100; ++i) {
      pool.Post([&order, i] { order.push_back(i); });
    }
  }
  ASSERT_EQ(order.size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[i], i);
}

TEST(ThreadPoolTest, RunsAsManyAtOnceAsItHasThreads) {
  std::barrier<> all_there(4);
  ThreadPool pool("test", 4);
  // Each waits for the others: fewer threads would wait for ever.
  for (int i = 0; i < 4; ++i) {
    pool.Post([&all_there] { all_there.arrive_and_wait(); });
  }
}

TEST(ThreadPoolTest, NeverRunsWorkInsidePostNorMoreThanItsThreads) {
  std::atomic<int> running = 0;
  std::atomic<int> most = 0;
  std::atomic<int> inside_post = 0;
  const std::thread::id poster = std::this_thread::get_id();
  {
    ThreadPool pool("test", 2);
    for (int i = 0; i < 200; ++i) {
      pool.Post([&running, &most, &inside_post, poster] {
        if (std::this_thread::get_id() == poster) ++inside_post;
        int now = ++running;
        for (int seen = most; now > seen;) {
          if (most.compare_exchange_weak(seen, now)) break;
        }
        std::this_thread::yield();
        --running;
      });
    }
  }
  EXPECT_LE(most, 2);
  EXPECT_EQ(inside_post, 0);
}

TEST(ThreadPoolTest, WorkMayPostWorkAndTheDestructorRunsIt) {
  std::atomic<int> count = 0;
  {
    ThreadPool pool("test", 2);
    pool.Post([&pool, &count] {
      pool.Post([&count] { ++count; });
      ++count;
    });
  }
  EXPECT_EQ(count, 2);
}

TEST(ThreadPoolTest, WhatWorkHoldsMayPostWhenItGoes) {
  std::promise<void> posted;
  ThreadPool pool("test", 1);
  auto on_exit = std::shared_ptr<void>(nullptr, [&pool, &posted](void*) {
    pool.Post([&posted] { posted.set_value(); });
  });
  pool.Post([held = std::move(on_exit)] {});
  posted.get_future().get();
}

}  // namespace
}  // namespace hubd
