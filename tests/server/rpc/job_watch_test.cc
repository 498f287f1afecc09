#include "server/rpc/job_watch.h"

#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <memory>
#include <vector>

namespace hubd {
namespace {

v1::ListJobsResponse Jobs(const std::vector<int64_t>& ids) {
  v1::ListJobsResponse jobs;
  for (int64_t id : ids) jobs.add_jobs()->set_id(id);
  return jobs;
}

// Confined to the io thread, but for OnIo.
class JobWatchTest : public testing::Test {
 protected:
  ~JobWatchTest() override {
    OnIo([this] { watch_.reset(); });
  }

  void OnIo(const std::function<void()>& work) {
    std::promise<void> done;
    io_.Post([&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }

  // Watches until `enough` is true of what was told.
  void WatchUntil(const JobWatch::Options& options,
                  std::function<bool()> enough) {
    OnIo([&] {
      watch_ = std::make_unique<JobWatch>(
          options, io_,
          [this] {
            if (++looks_ > 1 && change_) change_();
            return jobs_;
          },
          [this, enough](const v1::ListJobsResponse& jobs) {
            told_.push_back(jobs);
            if (enough()) enough_.set_value();
          });
    });
    enough_.get_future().wait();
    OnIo([this] { watch_.reset(); });
  }

  IoThread io_;
  v1::ListJobsResponse jobs_;
  // Is called before each look but the first.
  std::function<void()> change_;
  int looks_ = 0;
  std::vector<v1::ListJobsResponse> told_;
  std::promise<void> enough_;
  std::unique_ptr<JobWatch> watch_;
};

constexpr absl::Duration kSoon = absl::Milliseconds(1);

TEST_F(JobWatchTest, TellsAtOnceEvenThatThereIsNothing) {
  WatchUntil({}, [] { return true; });
  ASSERT_EQ(told_.size(), 1u);
  EXPECT_EQ(told_[0].jobs_size(), 0);
}

TEST_F(JobWatchTest, AJobThatComesOrGoesIsToldAtTheNextLook) {
  change_ = [this] {
    jobs_ = looks_ == 2 ? Jobs({1}) : looks_ == 3 ? Jobs({1, 2}) : Jobs({2});
  };
  WatchUntil({.look = kSoon, .pause = absl::Hours(1)},
             [this] { return told_.size() == 4; });
  EXPECT_EQ(told_[1].jobs_size(), 1);
  EXPECT_EQ(told_[2].jobs_size(), 2);
  EXPECT_EQ(told_[3].jobs(0).id(), 2);
}

TEST_F(JobWatchTest, AnotherChangeIsToldAfterThePause) {
  jobs_ = Jobs({1});
  change_ = [this] {
    jobs_.mutable_jobs(0)->mutable_progress()->set_done_bytes(looks_);
  };
  WatchUntil({.look = kSoon, .pause = 10 * kSoon},
             [this] { return told_.size() == 3; });
  EXPECT_EQ(told_[1].jobs(0).progress().done_bytes(), 11);
  EXPECT_EQ(told_[2].jobs(0).progress().done_bytes(), 21);
}

TEST_F(JobWatchTest, WhatStaysTheSameIsNotToldAgain) {
  jobs_ = Jobs({1});
  change_ = [this] {
    if (looks_ == 100) jobs_ = Jobs({});
  };
  WatchUntil({.look = kSoon, .pause = kSoon},
             [this] { return told_.size() == 2; });
  EXPECT_GE(looks_, 100);
}

}  // namespace
}  // namespace hubd
