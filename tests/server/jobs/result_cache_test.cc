#include "server/jobs/result_cache.h"

#include <gtest/gtest.h>

#include <future>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "tests/server/base/memory_answers.h"
#include "tests/server/base/temp_dir.h"
#include "tests/server/store/sample_objects.h"

namespace hubd {
namespace {

using worker::v1::DaemonMessage;
using worker::v1::JobDone;

constexpr uid_t kAda = 1001;
constexpr uid_t kBob = 1002;

class NoStarter final : public HostStarter {
 public:
  absl::Status StartHost(uid_t, EndedFn) override { return absl::OkStatus(); }
  void KillHost(uid_t) override {}
};

// A worker host: remembers what it was sent.
class FakeLink final : public HostLink {
 public:
  void Send(const DaemonMessage& message) override {
    (message.has_start() ? started : cancelled).push_back(message);
  }
  std::vector<DaemonMessage> started;
  std::vector<DaemonMessage> cancelled;
};

class ResultCacheTest : public testing::Test {
 protected:
  ResultCacheTest() : layout_(dir_.path()) {
    HUBD_CHECK(MakeDirectories(layout_.store(), 0700).ok());
    catalog_ = *Catalog::Open(layout_);
    HUBD_CHECK(catalog_->PutTree(Tree(1)).ok());
    worker::v1::Hello hello;
    hello.set_sandbox("full");
    OnIo([&] {
      queue_ = std::make_unique<JobQueue>(
          JobQueue::Options{.jobs_per_host = 100}, io_, starter_);
      ada_ = queue_->AddHost(kAda, link_, hello);
      queue_->AddHost(kBob, bobs_link_, hello);
      Remake({.worker = "1"});
    });
  }
  ~ResultCacheTest() override {
    OnIo([this] {
      tickets_.clear();
      cache_.reset();
      queue_.reset();
    });
  }

  void Remake(const ResultCache::Options& options) {
    cache_ = std::make_unique<ResultCache>(
        options, ResultCache::Parts{io_, disk_, *queue_, *catalog_});
  }

  // Runs `work` on the io thread, then what was posted to io and disk by then,
  // and what that posted in its turn.
  void OnIo(std::function<void()> work) {
    Await(io_, std::move(work));
    for (int i = 0; i < 4; ++i) {
      Await(disk_, [] {});
      Await(io_, [] {});
    }
  }

  static void Await(Executor& executor, std::function<void()> work) {
    std::promise<void> ran;
    executor.Post([&] {
      work();
      ran.set_value();
    });
    ran.get_future().wait();
  }

  TreeObject Tree(int number) { return SampleTree(layout_, number); }

  Question Ask(uid_t uid = kAda) {
    Question question;
    question.tree = Tree(1).key;
    question.tree_path = Tree(1).path;
    question.uid = uid;
    question.interpreter.set_executable("/usr/bin/env");
    question.interpreter.set_prefix("/usr");
    question.interpreter.set_base_prefix("/usr");
    return question;
  }

  // Looks up, then runs; the outcome comes to stand in outcomes_[index].
  size_t Run(const Question& question) {
    const size_t index = outcomes_.size();
    outcomes_.emplace_back();
    const std::string key = cache_->LookUp(question).key;
    OnIo([&] {
      tickets_.push_back(cache_->Run(
          question, key,
          [this, index](absl::StatusOr<ResultCache::Outcome> done) {
            EXPECT_FALSE(outcomes_[index].has_value()) << "called twice";
            outcomes_[index] = std::move(done);
          }));
    });
    return index;
  }

  // Ada's host says how the job it was given last ended.
  void End(JobDone done) {
    done.set_job_id(link_.started.back().start().job_id());
    OnIo([&] { queue_->OnJobDone(ada_, done); });
  }

  static JobDone Success(const std::string& signature) {
    JobDone done;
    done.mutable_result()->set_signature(signature);
    done.set_output("printed");
    return done;
  }

  std::optional<std::string> Kept(const Question& question) {
    ResultCache::Known known = cache_->LookUp(question);
    // Memory says the same, or that it is to be looked up.
    const auto in_memory = cache_->LookInMemory(question);
    if (in_memory) {
      EXPECT_EQ(in_memory->signature(),
                known.result ? known.result->signature() : "none");
      ++found_in_memory_;
    }
    if (!known.result) return std::nullopt;
    return known.result->signature();
  }

  int found_in_memory_ = 0;
  TempDir dir_;
  Layout layout_;
  std::unique_ptr<Catalog> catalog_;
  IoThread io_;
  // One thread, so that Await means all before it.
  ThreadPool disk_{"disk", 1};
  NoStarter starter_;
  FakeLink link_, bobs_link_;
  uint64_t ada_ = 0;
  std::unique_ptr<JobQueue> queue_;
  std::unique_ptr<ResultCache> cache_;
  std::vector<std::optional<absl::StatusOr<ResultCache::Outcome>>> outcomes_;
  std::vector<std::unique_ptr<JobQueue::Ticket>> tickets_;
};

TEST_F(ResultCacheTest, ASuccessIsKeptBeforeItIsTold) {
  EXPECT_EQ(Kept(Ask()), std::nullopt);
  size_t first = Run(Ask());
  ASSERT_EQ(link_.started.size(), 1u);
  EXPECT_EQ(link_.started[0].start().tree_path(), Tree(1).path);
  End(Success("f()"));
  ASSERT_TRUE(outcomes_[first].has_value());
  EXPECT_EQ((*outcomes_[first])->done.output(), "printed");
  EXPECT_EQ(Kept(Ask()), "f()");
}

TEST_F(ResultCacheTest, WhatIsKeptOutlivesTheDaemonButNotTheWorkersCode) {
  Run(Ask());
  End(Success("f()"));
  OnIo([&] { Remake({.worker = "1"}); });
  EXPECT_EQ(Kept(Ask()), "f()");
  EXPECT_EQ(found_in_memory_ > 0, MemoryAnswers("/usr/bin"));
  OnIo([&] { Remake({.worker = "2"}); });
  EXPECT_EQ(Kept(Ask()), std::nullopt);
}

TEST_F(ResultCacheTest, AnotherQuestionHasAnotherResult) {
  Run(Ask());
  End(Success("f()"));
  const std::function<void(Question&)> changes[] = {
      [](Question& question) { question.uid = kBob; },
      [this](Question& question) { question.tree = Tree(2).key; },
      [](Question& question) { question.tree.route = "git"; },
      [](Question& question) { question.tree.repo.name = "other"; },
      [](Question& question) { question.tree.domain = "private"; },
      [](Question& question) { question.entrypoint = "f"; },
      [](Question& question) { question.limits.set_output_bytes(1); },
      [](Question& question) { question.interpreter.set_prefix("/opt"); },
      [](Question& question) { question.force = true; },
  };
  for (const auto& change : changes) {
    Question question = Ask();
    change(question);
    EXPECT_EQ(Kept(question), std::nullopt);
  }
  EXPECT_EQ(Kept(Ask()), "f()");
}

TEST_F(ResultCacheTest, WhatIsNoWholeSuccessIsNotKept) {
  JobDone failure;
  failure.mutable_result()->mutable_failure()->set_exception("ValueError");
  JobDone killed = Success("f()");
  killed.mutable_exit()->set_kind(v1::WorkerExit::KILLED);
  JobDone empty;
  JobDone large = Success(std::string(300 << 10, 'x'));
  for (const JobDone& done : {failure, killed, empty, large}) {
    size_t index = Run(Ask());
    End(done);
    ASSERT_TRUE(outcomes_[index].has_value());
    EXPECT_EQ((*outcomes_[index])->done.has_exit(), done.has_exit());
    EXPECT_EQ(Kept(Ask()), std::nullopt);
  }
  EXPECT_EQ(link_.started.size(), 4u);
}

TEST_F(ResultCacheTest, WhoAsksTheSameAtOnceSharesOneRun) {
  for (int i = 0; i < 16; ++i) Run(Ask());
  Run(Ask(kBob));
  EXPECT_EQ(link_.started.size(), 1u);
  EXPECT_EQ(bobs_link_.started.size(), 1u);
  End(Success("f()"));
  for (int i = 0; i < 16; ++i) {
    ASSERT_TRUE(outcomes_[i].has_value());
    EXPECT_EQ((*outcomes_[i])->done.result().signature(), "f()");
  }
  EXPECT_FALSE(outcomes_[16].has_value());
}

TEST_F(ResultCacheTest, WhoLookedTooEarlyFindsTheResultOfTheRunThatEnded) {
  const std::string key = cache_->LookUp(Ask()).key;
  Run(Ask());
  End(Success("f()"));
  std::optional<ResultCache::Outcome> late;
  OnIo([&] {
    tickets_.push_back(cache_->Run(
        Ask(), key, [&](absl::StatusOr<ResultCache::Outcome> outcome) {
          late = *std::move(outcome);
        }));
  });
  EXPECT_EQ(link_.started.size(), 1u);
  ASSERT_TRUE(late.has_value());
  EXPECT_TRUE(late->cached);
  EXPECT_EQ(late->done.result().signature(), "f()");
  EXPECT_EQ(late->done.output(), "");
}

TEST_F(ResultCacheTest, WhoLeavesBeforeTheJobStartsNone) {
  const std::string key = cache_->LookUp(Ask()).key;
  OnIo([&] { (void)cache_->Run(Ask(), key, nullptr); });
  EXPECT_TRUE(link_.started.empty());
  Run(Ask());
  EXPECT_EQ(link_.started.size(), 1u);
}

TEST_F(ResultCacheTest, AFailureIsEveryonesAndNotRemembered) {
  Run(Ask());
  Run(Ask());
  JobDone killed;
  killed.mutable_exit()->set_kind(v1::WorkerExit::KILLED);
  End(killed);
  EXPECT_TRUE((*outcomes_[0])->done.has_exit());
  EXPECT_TRUE((*outcomes_[1])->done.has_exit());
  Run(Ask());
  EXPECT_EQ(link_.started.size(), 2u);
}

TEST_F(ResultCacheTest, TheLastToLeaveCancelsTheRun) {
  Run(Ask());
  Run(Ask());
  OnIo([&] { tickets_[0].reset(); });
  EXPECT_TRUE(link_.cancelled.empty());
  OnIo([&] { tickets_[1].reset(); });
  ASSERT_EQ(link_.cancelled.size(), 1u);
  // Who comes then has a run of his own.
  Run(Ask());
  EXPECT_EQ(link_.started.size(), 2u);
  End(Success("f()"));
  EXPECT_FALSE(outcomes_[0].has_value());
  EXPECT_FALSE(outcomes_[1].has_value());
  EXPECT_TRUE(outcomes_[2].has_value());
}

TEST_F(ResultCacheTest, AForcedQuestionRunsAgainAndReplacesTheResult) {
  Run(Ask());
  End(Success("old()"));
  Question forced = Ask();
  forced.force = true;
  // Two forced ones share a run.
  Run(forced);
  Run(forced);
  EXPECT_EQ(link_.started.size(), 2u);
  End(Success("new()"));
  EXPECT_EQ((*outcomes_[1])->done.result().signature(), "new()");
  EXPECT_EQ((*outcomes_[2])->done.result().signature(), "new()");
  EXPECT_EQ(Kept(Ask()), "new()");
}

TEST_F(ResultCacheTest, AnOlderRunDoesNotReplaceAForcedResult) {
  const size_t older = Run(Ask());
  Question forced = Ask();
  forced.force = true;
  Run(forced);
  ASSERT_EQ(link_.started.size(), 2u);
  End(Success("new()"));
  EXPECT_EQ(Kept(Ask()), "new()");
  link_.started.pop_back();
  End(Success("old()"));
  ASSERT_TRUE(outcomes_[older].has_value());
  EXPECT_EQ((*outcomes_[older])->done.result().signature(), "old()");
  EXPECT_EQ(Kept(Ask()), "new()");
}

TEST_F(ResultCacheTest, AForcedQuestionDoesNotJoinARunThatWasNotForced) {
  Run(Ask());
  Question forced = Ask();
  forced.force = true;
  Run(forced);
  EXPECT_EQ(link_.started.size(), 2u);
}

TEST_F(ResultCacheTest, ATicketDroppedByACallbackIsFine) {
  std::unique_ptr<JobQueue::Ticket> own, other;
  bool other_told = false;
  const std::string key = cache_->LookUp(Ask()).key;
  OnIo([&] {
    own = cache_->Run(Ask(), key,
                      [&](const absl::StatusOr<ResultCache::Outcome>&) {
                        own.reset();
                        other.reset();
                      });
    other = cache_->Run(Ask(), key,
                        [&](const absl::StatusOr<ResultCache::Outcome>&) {
                          other_told = true;
                        });
  });
  End(Success("f()"));
  EXPECT_EQ(own, nullptr);
  EXPECT_FALSE(other_told);
}

TEST_F(ResultCacheTest, ACacheThatKeepsNothingRunsEachQuestion) {
  OnIo([&] { Remake({.worker = "1", .keep = false}); });
  Run(Ask());
  Run(Ask());
  EXPECT_EQ(link_.started.size(), 2u);
  End(Success("f()"));
  EXPECT_TRUE(outcomes_[1].has_value());
  EXPECT_EQ(Kept(Ask()), std::nullopt);
}

TEST_F(ResultCacheTest, AnEnvironmentThatCannotBeLookedAtIsRunAndNotKept) {
  EnvironmentLook::Options blind;
  blind.look = [](const v1::Interpreter&) { return std::nullopt; };
  OnIo([&] { Remake({.worker = "1", .environments = blind}); });
  Run(Ask());
  End(Success("f()"));
  EXPECT_TRUE(outcomes_[0].has_value());
  EXPECT_EQ(cache_->LookUp(Ask()).key, "");
}

TEST_F(ResultCacheTest, AResultThatCannotBeReadIsRunAgain) {
  ASSERT_TRUE(catalog_
                  ->PutJobResult({kAda, cache_->LookUp(Ask()).key, Tree(1).key,
                                  "\x01 no message"})
                  .ok());
  EXPECT_EQ(Kept(Ask()), std::nullopt);
}

TEST_F(ResultCacheTest, ATicketMayOutliveTheCache) {
  Run(Ask());
  OnIo([&] {
    cache_.reset();
    tickets_.clear();
  });
  EXPECT_FALSE(outcomes_[0].has_value());
}

}  // namespace
}  // namespace hubd
