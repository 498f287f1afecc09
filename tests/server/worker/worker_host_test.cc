#include "server/worker/worker_host.h"

#include <deque>
#include <map>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/base/mutex.h"
#include "tests/server/worker/job_fixture.h"

namespace hubd {
namespace {

using v1::WorkerExit;
using worker::v1::DaemonMessage;
using worker::v1::HostMessage;
using worker::v1::JobDone;
using worker::v1::StartJob;

// Plays the daemon: sends what the test says and keeps what it gets.
class FakeDaemon final : public DaemonStream {
 public:
  std::optional<DaemonMessage> Read() override {
    MutexLock lock(mutex_);
    while (to_host_.empty() && !over_) changed_.Wait(mutex_);
    if (to_host_.empty()) return std::nullopt;
    DaemonMessage message = to_host_.front();
    to_host_.pop_front();
    return message;
  }

  void Write(const HostMessage& message) override {
    MutexLock lock(mutex_);
    if (message.has_hello()) hello_ = message.hello().sandbox();
    if (message.has_done()) done_[message.done().job_id()] = message.done();
    changed_.NotifyAll();
  }

  void Start(uint64_t job_id, const Tree& tree) {
    DaemonMessage message;
    *message.mutable_start() = JobFor(tree);
    message.mutable_start()->set_job_id(job_id);
    Send(message);
  }

  void Cancel(uint64_t job_id) {
    DaemonMessage message;
    message.mutable_cancel()->set_job_id(job_id);
    Send(message);
  }

  void End() {
    MutexLock lock(mutex_);
    over_ = true;
    changed_.NotifyAll();
  }

  JobDone WaitFor(uint64_t job_id) {
    MutexLock lock(mutex_);
    while (done_.count(job_id) == 0) changed_.Wait(mutex_);
    return done_[job_id];
  }

  std::string hello() {
    MutexLock lock(mutex_);
    return hello_;
  }

  size_t answers() {
    MutexLock lock(mutex_);
    return done_.size();
  }

 private:
  void Send(const DaemonMessage& message) {
    MutexLock lock(mutex_);
    to_host_.push_back(message);
    changed_.NotifyAll();
  }

  Mutex mutex_;
  CondVar changed_;
  std::deque<DaemonMessage> to_host_ ABSL_GUARDED_BY(mutex_);
  bool over_ ABSL_GUARDED_BY(mutex_) = false;
  std::string hello_ ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, JobDone> done_ ABSL_GUARDED_BY(mutex_);
};

class WorkerHostTest : public testing::Test {
 protected:
  WorkerHostTest()
      : host_(daemon_, {.max_jobs = 2}), thread_([this] { host_.Run(); }) {
    endless_.Add("hubconf.py", "while True: pass");
    quick_.Add("hubconf.py", "def net(): pass");
  }
  ~WorkerHostTest() override { daemon_.End(); }

  FakeDaemon daemon_;
  Tree endless_;
  Tree quick_;
  WorkerHost host_;
  std::jthread thread_;
};

TEST_F(WorkerHostTest, SaysHelloAndAnswersEachJobOnce) {
  for (uint64_t job : {1, 2, 3, 4, 5}) daemon_.Start(job, quick_);
  for (uint64_t job : {1, 2, 3, 4, 5}) {
    EXPECT_EQ(daemon_.WaitFor(job).result().entrypoints(0).name(), "net");
  }
  EXPECT_EQ(daemon_.hello(), "full");
}

TEST_F(WorkerHostTest, CancelKillsOneJobAlone) {
  daemon_.Start(1, endless_);
  daemon_.Start(2, quick_);
  EXPECT_TRUE(daemon_.WaitFor(2).has_result());
  EXPECT_EQ(daemon_.answers(), 1u);
  daemon_.Cancel(1);
  EXPECT_EQ(daemon_.WaitFor(1).exit().kind(), WorkerExit::KILLED);
}

TEST_F(WorkerHostTest, AWaitingJobCanBeCancelled) {
  daemon_.Start(1, endless_);
  daemon_.Start(2, endless_);
  daemon_.Start(3, endless_);
  daemon_.Cancel(3);
  daemon_.Cancel(2);
  EXPECT_EQ(daemon_.WaitFor(3).exit().kind(), WorkerExit::KILLED);
}

TEST_F(WorkerHostTest, EndOfTheStreamKillsWhatRunsAndReturns) {
  daemon_.Start(1, endless_);
  daemon_.Start(2, endless_);
  daemon_.Start(3, endless_);
  daemon_.End();
  thread_.join();
  EXPECT_EQ(daemon_.answers(), 3u);
  thread_ = std::jthread();
}

}  // namespace
}  // namespace hubd
