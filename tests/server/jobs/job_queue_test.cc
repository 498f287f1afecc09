#include "server/jobs/job_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <optional>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/status.h"

namespace hubd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using worker::v1::DaemonMessage;
using worker::v1::Hello;
using worker::v1::JobDone;
using worker::v1::StartJob;

constexpr uid_t kAda = 1001;
constexpr uid_t kBob = 1002;

// Remembers what it was sent.
class FakeLink final : public HostLink {
 public:
  void Send(const DaemonMessage& message) override { sent.push_back(message); }

  std::vector<uint64_t> started() const {
    std::vector<uint64_t> ids;
    for (const DaemonMessage& message : sent) {
      if (message.has_start()) ids.push_back(message.start().job_id());
    }
    return ids;
  }

  std::vector<DaemonMessage> sent;
};

// Counts the starts and kills; answers with `answer`. `ended` ends the host
// that was started last.
class FakeStarter final : public HostStarter {
 public:
  absl::Status StartHost(uid_t uid, EndedFn on_end) override {
    started.push_back(uid);
    ended = std::move(on_end);
    return answer;
  }
  void KillHost(uid_t uid) override {
    killed.push_back(uid);
    if (on_kill) on_kill();
  }

  std::vector<uid_t> started;
  std::vector<uid_t> killed;
  std::function<void()> on_kill;
  EndedFn ended;
  absl::Status answer;
};

Hello FullSandbox() {
  Hello hello;
  hello.set_sandbox("full");
  return hello;
}

StartJob JobFor(const std::string& tree) {
  StartJob job;
  job.set_tree_path(tree);
  return job;
}

JobDone DoneOf(uint64_t job_id) {
  JobDone done;
  done.set_job_id(job_id);
  done.mutable_result()->set_signature("f()");
  return done;
}

class JobQueueTest : public testing::Test {
 protected:
  JobQueueTest() {
    OnIo([this] { Reset({}); });
  }
  ~JobQueueTest() override {
    OnIo([this] { queue_.reset(); });
  }

  void Reset(JobQueue::Options options) {
    queue_ = std::make_unique<JobQueue>(options, io_, starter_);
  }

  // Runs `work` on the io thread, then what it posted there, and what that
  // posted. Posts of the io thread itself run in their order.
  void OnIo(std::function<void()> work) {
    std::promise<void> ran;
    io_.Post([&] {
      work();
      io_.Post([&] { io_.Post([&] { io_.Post([&] { ran.set_value(); }); }); });
    });
    ran.get_future().wait();
  }

  // Submits a job; its result comes to stand in results_[index].
  size_t Submit(uid_t uid, const std::string& tree = "/tree") {
    size_t index = results_.size();
    results_.emplace_back();
    tickets_.push_back(queue_->Submit(
        uid, JobFor(tree), [this, index](absl::StatusOr<JobDone> done) {
          EXPECT_FALSE(results_[index].has_value()) << "called twice";
          results_[index] = std::move(done);
        }));
    return index;
  }

  IoThread io_;
  FakeStarter starter_;
  std::unique_ptr<JobQueue> queue_;
  std::vector<std::optional<absl::StatusOr<JobDone>>> results_;
  std::vector<std::unique_ptr<JobQueue::Ticket>> tickets_;
};

TEST_F(JobQueueTest, AJobStartsOneHostAndRunsWhenItSaysHello) {
  FakeLink link;
  OnIo([&] {
    Submit(kAda, "/tree/a");
    Submit(kAda);
  });
  EXPECT_THAT(starter_.started, ElementsAre(kAda));
  uint64_t host = 0;
  OnIo([&] { host = queue_->AddHost(kAda, link, FullSandbox()); });
  ASSERT_EQ(link.sent.size(), 2u);
  EXPECT_EQ(link.sent[0].start().tree_path(), "/tree/a");
  OnIo([&] { queue_->OnJobDone(host, DoneOf(link.started()[0])); });
  ASSERT_TRUE(results_[0].has_value());
  EXPECT_EQ((*results_[0])->result().signature(), "f()");
  EXPECT_FALSE(results_[1].has_value());
  OnIo([&] { EXPECT_EQ(queue_->size(), 1); });
}

TEST_F(JobQueueTest, DoneIsNeverCalledWithinSubmit) {
  starter_.answer = absl::InternalError("no bubblewrap");
  OnIo([&] {
    Submit(kAda);
    EXPECT_FALSE(results_[0].has_value());
  });
  ASSERT_TRUE(results_[0].has_value());
}

TEST_F(JobQueueTest, AHostRunsOnlyItsOwnUsersJobs) {
  FakeLink link;
  uint64_t ada_host = 0;
  OnIo([&] {
    ada_host = queue_->AddHost(kAda, link, FullSandbox());
    Submit(kBob);
  });
  EXPECT_TRUE(link.sent.empty());
  EXPECT_THAT(starter_.started, ElementsAre(kBob));
  // Nor can it answer one.
  FakeLink bob_link;
  OnIo([&] { queue_->AddHost(kBob, bob_link, FullSandbox()); });
  ASSERT_EQ(bob_link.started().size(), 1u);
  OnIo([&] { queue_->OnJobDone(ada_host, DoneOf(bob_link.started()[0])); });
  EXPECT_FALSE(results_[0].has_value());
}

TEST_F(JobQueueTest, AHostGetsAtMostItsShareAtOnceInOrder) {
  FakeLink link;
  uint64_t host = 0;
  OnIo([&] {
    Reset({.jobs_per_host = 2});
    host = queue_->AddHost(kAda, link, FullSandbox());
    for (int i = 0; i < 4; ++i) Submit(kAda, absl::StrCat("/", i));
  });
  ASSERT_EQ(link.sent.size(), 2u);
  OnIo([&] { queue_->OnJobDone(host, DoneOf(link.started()[1])); });
  ASSERT_EQ(link.sent.size(), 3u);
  EXPECT_EQ(link.sent[2].start().tree_path(), "/2");
}

TEST_F(JobQueueTest, NoHostInTimeIsSandboxUnavailable) {
  std::promise<void> failed;
  OnIo([&] {
    Reset({.host_timeout = absl::Milliseconds(20)});
    tickets_.push_back(queue_->Submit(
        kAda, JobFor("/tree"), [&](const absl::StatusOr<JobDone>& done) {
          EXPECT_EQ(ReasonOf(done.status()), Reason::kSandboxUnavailable);
          EXPECT_THAT(std::string(done.status().message()),
                      HasSubstr("within 20ms"));
          failed.set_value();
        }));
  });
  failed.get_future().wait();
  // The next job asks for a host again.
  OnIo([&] { Submit(kAda); });
  EXPECT_THAT(starter_.started, ElementsAre(kAda, kAda));
}

TEST_F(JobQueueTest, AHostThatEndsBeforeItsHelloIsFollowedByOneOther) {
  FakeLink link;
  const absl::Status how = absl::UnavailableError("it ended by signal 9");
  OnIo([&] { Submit(kAda); });
  OnIo([&] { starter_.ended(how); });
  EXPECT_THAT(starter_.started, ElementsAre(kAda, kAda));
  EXPECT_FALSE(results_[0].has_value());
  OnIo([&] { starter_.ended(how); });
  EXPECT_THAT(starter_.started, ElementsAre(kAda, kAda));
  ASSERT_TRUE(results_[0].has_value());
  EXPECT_EQ(ReasonOf(results_[0]->status()), Reason::kSandboxUnavailable);
  EXPECT_THAT(std::string(results_[0]->status().message()),
              HasSubstr("it ended by signal 9"));
  // The next job asks for a host again, and its end after hello is its
  // stream's.
  OnIo([&] { Submit(kAda); });
  EXPECT_THAT(starter_.started, ElementsAre(kAda, kAda, kAda));
  OnIo([&] { queue_->AddHost(kAda, link, FullSandbox()); });
  OnIo([&] { starter_.ended(how); });
  EXPECT_THAT(starter_.started, ElementsAre(kAda, kAda, kAda));
  EXPECT_EQ(link.started().size(), 1u);
}

TEST_F(JobQueueTest, AHostThatDoesNotSayHelloInTimeIsKilled) {
  std::promise<void> killed;
  starter_.on_kill = [&] { killed.set_value(); };
  OnIo([&] {
    Reset({.host_timeout = absl::Milliseconds(20)});
    Submit(kAda);
  });
  killed.get_future().wait();
  OnIo([] {});
  EXPECT_TRUE(results_[0].has_value());
  EXPECT_THAT(starter_.killed, ElementsAre(kAda));
}

TEST_F(JobQueueTest, AHostThatIsSilentAboutAJobIsKilled) {
  FakeLink link;
  std::promise<void> killed;
  starter_.on_kill = [&] { killed.set_value(); };
  StartJob job = JobFor("/tree");
  job.mutable_limits()->set_time_ms(5);
  OnIo([&] {
    Reset({.job_grace = absl::Milliseconds(5)});
    queue_->AddHost(kAda, link, FullSandbox());
    tickets_.push_back(queue_->Submit(kAda, job, [](const auto&) {}));
  });
  killed.get_future().wait();
  EXPECT_EQ(link.started().size(), 1u);
}

TEST_F(JobQueueTest, AHostThatAnswersInTimeLives) {
  FakeLink link;
  uint64_t host = 0;
  std::promise<void> later;
  StartJob job = JobFor("/tree");
  job.mutable_limits()->set_time_ms(10);
  std::unique_ptr<IoThread::Timer> timer;
  OnIo([&] {
    Reset({.job_grace = absl::Milliseconds(10)});
    host = queue_->AddHost(kAda, link, FullSandbox());
    tickets_.push_back(queue_->Submit(kAda, job, [](const auto&) {}));
  });
  OnIo([&] {
    queue_->OnJobDone(host, DoneOf(link.started()[0]));
    // Timers of one thread come in their order.
    timer = io_.RunAfter(absl::Milliseconds(40), [&] { later.set_value(); });
  });
  later.get_future().wait();
  OnIo([&] { timer = nullptr; });
  EXPECT_TRUE(starter_.killed.empty());
}

TEST_F(JobQueueTest, AHostThatCannotStartSaysWhy) {
  starter_.answer = absl::InternalError("no such program: hubd");
  OnIo([&] { Submit(kAda); });
  ASSERT_TRUE(results_[0].has_value());
  EXPECT_EQ(ReasonOf(results_[0]->status()), Reason::kSandboxUnavailable);
  EXPECT_THAT(std::string(results_[0]->status().message()),
              HasSubstr("no such program: hubd"));
}

TEST_F(JobQueueTest, AHostWithoutSandboxFailsJobsWithItsReason) {
  FakeLink link;
  Hello hello;
  hello.set_sandbox("none");
  hello.set_reason("user namespaces are off");
  OnIo([&] {
    Submit(kAda);
    queue_->AddHost(kAda, link, hello);
  });
  EXPECT_TRUE(link.sent.empty());
  ASSERT_TRUE(results_[0].has_value());
  EXPECT_EQ(ReasonOf(results_[0]->status()), Reason::kSandboxUnavailable);
  EXPECT_THAT(std::string(results_[0]->status().message()),
              HasSubstr("user namespaces are off"));
}

TEST_F(JobQueueTest, AJobWhoseHostGoesRunsOnTheNextAndThenFails) {
  FakeLink first, second;
  uint64_t host = 0;
  OnIo([&] {
    host = queue_->AddHost(kAda, first, FullSandbox());
    Submit(kAda);
  });
  ASSERT_EQ(first.sent.size(), 1u);
  OnIo([&] { queue_->RemoveHost(host); });
  EXPECT_FALSE(results_[0].has_value());
  EXPECT_THAT(starter_.started, ElementsAre(kAda));
  OnIo([&] { host = queue_->AddHost(kAda, second, FullSandbox()); });
  EXPECT_EQ(second.started(), first.started());
  OnIo([&] { queue_->RemoveHost(host); });
  ASSERT_TRUE(results_[0].has_value());
  EXPECT_EQ(ReasonOf(results_[0]->status()), Reason::kSandboxUnavailable);
}

TEST_F(JobQueueTest, ADroppedTicketCancelsAndKeepsThePlaceUntilTheEnd) {
  FakeLink link;
  uint64_t host = 0;
  OnIo([&] {
    Reset({.jobs_per_host = 1});
    host = queue_->AddHost(kAda, link, FullSandbox());
    Submit(kAda, "/runs");
    Submit(kAda, "/waits");
    Submit(kAda, "/last");
  });
  OnIo([&] {
    tickets_[0].reset();
    tickets_[1].reset();
  });
  ASSERT_EQ(link.sent.size(), 2u);
  EXPECT_EQ(link.sent[1].cancel().job_id(), link.started()[0]);
  OnIo([&] { queue_->OnJobDone(host, DoneOf(link.started()[0])); });
  EXPECT_FALSE(results_[0].has_value());
  ASSERT_EQ(link.sent.size(), 3u);
  EXPECT_EQ(link.sent[2].start().tree_path(), "/last");
}

TEST_F(JobQueueTest, ATicketDroppedBeforeItsResultIsDeliveredSilencesIt) {
  FakeLink link;
  uint64_t host = 0;
  OnIo([&] {
    host = queue_->AddHost(kAda, link, FullSandbox());
    Submit(kAda);
  });
  OnIo([&] {
    queue_->OnJobDone(host, DoneOf(link.started()[0]));
    tickets_[0].reset();
  });
  EXPECT_FALSE(results_[0].has_value());
  OnIo([&] { EXPECT_EQ(queue_->size(), 0); });
}

TEST_F(JobQueueTest, ACancelledJobIsNotGivenToTheNextHost) {
  FakeLink link;
  uint64_t host = 0;
  OnIo([&] {
    host = queue_->AddHost(kAda, link, FullSandbox());
    Submit(kAda);
  });
  OnIo([&] {
    tickets_[0].reset();
    queue_->RemoveHost(host);
  });
  EXPECT_TRUE(starter_.started.empty());
  OnIo([&] { EXPECT_EQ(queue_->size(), 0); });
}

TEST_F(JobQueueTest, TooManyWaitingJobsAreRefusedForThatUserOnly) {
  OnIo([&] {
    Reset({.max_waiting = 2});
    for (int i = 0; i < 3; ++i) Submit(kAda);
    Submit(kBob);
  });
  EXPECT_FALSE(results_[0].has_value());
  EXPECT_FALSE(results_[1].has_value());
  ASSERT_TRUE(results_[2].has_value());
  EXPECT_EQ(ReasonOf(results_[2]->status()), Reason::kTooManyWorkers);
  EXPECT_FALSE(results_[3].has_value());
}

TEST_F(JobQueueTest, DescribeSandboxStartsAHostAndTellsWhatItSays) {
  FakeLink link;
  std::optional<JobQueue::Sandbox> sandbox;
  OnIo([&] {
    queue_->DescribeSandbox(
        kAda, [&](JobQueue::Sandbox said) { sandbox = std::move(said); });
  });
  EXPECT_FALSE(sandbox.has_value());
  EXPECT_THAT(starter_.started, ElementsAre(kAda));
  OnIo([&] { queue_->AddHost(kAda, link, FullSandbox()); });
  ASSERT_TRUE(sandbox.has_value());
  EXPECT_EQ(sandbox->level, "full");
}

TEST_F(JobQueueTest, ATicketMayOutliveTheQueue) {
  OnIo([&] {
    Submit(kAda);
    queue_.reset();
    tickets_.clear();
  });
  EXPECT_FALSE(results_[0].has_value());
}

}  // namespace
}  // namespace hubd
