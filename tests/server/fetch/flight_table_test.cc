#include "server/fetch/flight_table.h"

#include <atomic>
#include <condition_variable>
#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "server/base/executor.h"

namespace hubd {
namespace {

Fetched Checkpoint(const std::string& sha256) {
  CheckpointObject object;
  object.sha256 = sha256;
  return Fetched{object};
}

std::string Sha256Of(const absl::StatusOr<Fetched>& fetched) {
  return std::get<CheckpointObject>(fetched->object).sha256;
}

// Holds runs until it is opened.
class Gate {
 public:
  void Open() {
    std::lock_guard<std::mutex> lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void Wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

class FlightTableTest : public testing::Test {
 protected:
  using Result = std::promise<absl::StatusOr<Fetched>>;

  // Joins on the callbacks' thread, as the contract of a drop asks for.
  FlightTable::Ticket Join(FlightTable::Run run, Result& result,
                           FlightTable::AcceptFn accept = nullptr,
                           ProgressFn progress = nullptr) {
    return table_.Join({"shared", "thing"}, std::move(run), std::move(accept),
                       std::move(progress),
                       [&result](const absl::StatusOr<Fetched>& fetched) {
                         result.set_value(fetched);
                       });
  }

  // Waits until all work posted to the callbacks' thread so far has run.
  void DrainCallbacks() {
    std::promise<void> reached;
    callbacks_.Post([&] { reached.set_value(); });
    reached.get_future().wait();
  }

  ThreadPool runners_{"run", 8};
  ThreadPool callbacks_{"io", 1};
  FlightTable table_{runners_, callbacks_};
};

TEST_F(FlightTableTest, RunsOnceForAllWhoJoin) {
  Gate gate;
  std::atomic<int> runs = 0;
  auto run = [&](FlightTable::Context&) -> absl::StatusOr<Fetched> {
    ++runs;
    gate.Wait();
    return Checkpoint("a");
  };
  std::vector<Result> results(16);
  std::vector<FlightTable::Ticket> tickets;
  for (Result& result : results) tickets.push_back(Join(run, result));
  EXPECT_EQ(table_.size(), 1);
  gate.Open();
  for (Result& result : results) {
    EXPECT_EQ(Sha256Of(result.get_future().get()), "a");
  }
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(table_.size(), 0);
}

TEST_F(FlightTableTest, LateJoinerGetsTheNewestProgressAtOnce) {
  Gate gate;
  std::promise<void> reported;
  auto run = [&](FlightTable::Context& context) -> absl::StatusOr<Fetched> {
    Progress progress;
    progress.phase = Progress::Phase::kDownloading;
    progress.done_bytes = 7;
    context.Report(progress);
    reported.set_value();
    gate.Wait();
    return Checkpoint("a");
  };
  Result first, late;
  FlightTable::Ticket ticket = Join(run, first);
  reported.get_future().wait();
  std::promise<int64_t> seen;
  FlightTable::Ticket late_ticket = Join(
      run, late, nullptr,
      [&](const Progress& progress) { seen.set_value(progress.done_bytes); });
  EXPECT_EQ(seen.get_future().get(), 7);
  gate.Open();
  EXPECT_TRUE(late.get_future().get().ok());
}

TEST_F(FlightTableTest, ProgressIsCoalesced) {
  std::atomic<int> calls = 0;
  auto run = [&](FlightTable::Context& context) -> absl::StatusOr<Fetched> {
    Progress progress;
    progress.phase = Progress::Phase::kDownloading;
    for (int i = 0; i < 100000; ++i) {
      progress.done_bytes = i;
      context.Report(progress);
    }
    return Checkpoint("a");
  };
  Result result;
  FlightTable::Ticket ticket =
      Join(run, result, nullptr, [&](const Progress&) { ++calls; });
  result.get_future().wait();
  EXPECT_GE(calls, 1);
  EXPECT_LT(calls, 1000);
}

TEST_F(FlightTableTest, DroppedTicketDisturbsNobody) {
  Gate gate;
  auto run = [&](FlightTable::Context& context) -> absl::StatusOr<Fetched> {
    gate.Wait();
    if (context.stop().stop_requested()) return absl::CancelledError("");
    return Checkpoint("a");
  };
  Result first, second;
  FlightTable::Ticket dropped = Join(run, first);
  FlightTable::Ticket kept = Join(run, second);
  dropped.Drop();
  gate.Open();
  EXPECT_TRUE(second.get_future().get().ok());
}

TEST_F(FlightTableTest, LastDropStopsTheFlightAndASuccessorWaitsForIt) {
  Gate gate;
  std::atomic<int> running = 0, most = 0, runs = 0;
  std::promise<void> started;
  auto run = [&](FlightTable::Context& context) -> absl::StatusOr<Fetched> {
    most = std::max<int>(most, ++running);
    if (++runs == 1) {
      started.set_value();
      gate.Wait();
      EXPECT_TRUE(context.stop().stop_requested());
    }
    --running;
    return Checkpoint(std::to_string(runs));
  };
  Result first, second;
  FlightTable::Ticket ticket = Join(run, first);
  started.get_future().wait();
  ticket.Drop();
  EXPECT_EQ(table_.size(), 0);
  FlightTable::Ticket successor = Join(run, second);
  EXPECT_EQ(runs, 1);
  gate.Open();
  EXPECT_EQ(Sha256Of(second.get_future().get()), "2");
  EXPECT_EQ(most, 1);
}

TEST_F(FlightTableTest, FailureGoesToAllAndIsNotRemembered) {
  std::atomic<int> runs = 0;
  Gate gate;
  auto run = [&](FlightTable::Context&) -> absl::StatusOr<Fetched> {
    if (++runs > 1) return Checkpoint("good");
    gate.Wait();
    return absl::UnavailableError("no");
  };
  Result first, second, third;
  FlightTable::Ticket a = Join(run, first);
  FlightTable::Ticket b = Join(run, second);
  gate.Open();
  EXPECT_FALSE(first.get_future().get().ok());
  EXPECT_FALSE(second.get_future().get().ok());
  FlightTable::Ticket c = Join(run, third);
  EXPECT_TRUE(third.get_future().get().ok());
}

TEST_F(FlightTableTest, EachTicketJudgesTheResultByItself) {
  auto accept = [](const std::string& wanted) {
    return [wanted](const Fetched& fetched) -> absl::Status {
      if (std::get<CheckpointObject>(fetched.object).sha256 == wanted) {
        return absl::OkStatus();
      }
      return absl::DataLossError("another digest");
    };
  };
  Gate gate;
  std::promise<bool> judged;
  auto run = [&](FlightTable::Context& context) -> absl::StatusOr<Fetched> {
    gate.Wait();
    judged.set_value(context.Judge(Checkpoint("a")).ok());
    return Checkpoint("a");
  };
  Result right, wrong;
  FlightTable::Ticket a = Join(run, right, accept("a"));
  FlightTable::Ticket b = Join(run, wrong, accept("b"));
  gate.Open();
  EXPECT_TRUE(judged.get_future().get());
  EXPECT_TRUE(right.get_future().get().ok());
  EXPECT_EQ(wrong.get_future().get().status().code(),
            absl::StatusCode::kDataLoss);
}

TEST_F(FlightTableTest, JudgeRefusesWhatEveryTicketRefuses) {
  std::promise<absl::Status> judged;
  auto run = [&](FlightTable::Context& context) -> absl::StatusOr<Fetched> {
    absl::Status refusal = context.Judge(Checkpoint("a"));
    judged.set_value(refusal);
    return refusal;
  };
  Result result;
  FlightTable::Ticket ticket = Join(run, result, [](const Fetched&) {
    return absl::DataLossError("another digest");
  });
  EXPECT_EQ(judged.get_future().get().code(), absl::StatusCode::kDataLoss);
  EXPECT_FALSE(result.get_future().get().ok());
}

// Whose Post returns late: long after the work began.
class SlowToPost final : public Executor {
 public:
  explicit SlowToPost(Executor& executor) : executor_(executor) {}

  void Post(std::function<void()> work) override {
    executor_.Post(std::move(work));
    gate.Wait();
    std::this_thread::yield();
    returned = true;
  }

  Gate gate;
  std::atomic<bool> returned = false;

 private:
  Executor& executor_;
};

TEST_F(FlightTableTest, ItsEndWaitsForARunThatStillPostsItsResult) {
  SlowToPost callbacks(callbacks_);
  Result result;
  FlightTable::Ticket ticket;
  {
    FlightTable table(runners_, callbacks);
    ticket = table.Join(
        {"shared", "thing"}, [](auto&) { return Checkpoint("a"); }, nullptr,
        nullptr, [&result](const auto& got) { result.set_value(got); });
    EXPECT_EQ(Sha256Of(result.get_future().get()), "a");
    callbacks.gate.Open();
  }
  EXPECT_TRUE(callbacks.returned);
}

TEST_F(FlightTableTest, NoCallbackFollowsADropOnTheCallbacksThread) {
  Gate gate;
  std::promise<void> started, ended;
  std::atomic<bool> dropped = false, called_after = false;
  auto run = [&](FlightTable::Context& context) -> absl::StatusOr<Fetched> {
    started.set_value();
    Progress progress;
    for (int i = 0; i < 1000 && !context.stop().stop_requested(); ++i) {
      progress.done_bytes = i;
      context.Report(progress);
    }
    gate.Wait();
    ended.set_value();
    return Checkpoint("a");
  };
  auto ticket = std::make_shared<FlightTable::Ticket>();
  *ticket = table_.Join(
      {"shared", "thing"}, run, nullptr,
      [&](const Progress&) { called_after = called_after || dropped; },
      [&](const absl::StatusOr<Fetched>&) { called_after = true; });
  started.get_future().wait();
  callbacks_.Post([&, ticket] {
    ticket->Drop();
    dropped = true;
  });
  gate.Open();
  ended.get_future().wait();
  DrainCallbacks();
  DrainCallbacks();
  EXPECT_TRUE(dropped);
  EXPECT_FALSE(called_after);
}

TEST_F(FlightTableTest, StopAllTellsThoseWhoWait) {
  std::promise<void> started;
  auto run = [&](FlightTable::Context& context) -> absl::StatusOr<Fetched> {
    Gate stopped;
    std::stop_callback callback(context.stop(), [&] { stopped.Open(); });
    started.set_value();
    stopped.Wait();
    return absl::CancelledError("stopped");
  };
  Result result;
  FlightTable::Ticket ticket = Join(run, result);
  started.get_future().wait();
  table_.StopAll(absl::UnavailableError("the daemon ends"));
  EXPECT_EQ(result.get_future().get().status().message(), "the daemon ends");
}

TEST_F(FlightTableTest, ManyThreadsJoinAndDropAtOnce) {
  std::atomic<int> running = 0, most = 0, done = 0, kept = 0;
  auto run = [&](FlightTable::Context&) -> absl::StatusOr<Fetched> {
    most = std::max<int>(most, ++running);
    --running;
    return Checkpoint("a");
  };
  {
    // Ends before what its runs use.
    FlightTable table(runners_, callbacks_);
    std::mutex mutex;
    std::vector<FlightTable::Ticket> tickets;
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 500; ++i) {
          const bool keep = (i + t) % 3 != 0;
          FlightTable::Ticket ticket =
              table.Join({"shared", "thing"}, run, nullptr, nullptr,
                         [&done, keep](const absl::StatusOr<Fetched>&) {
                           if (keep) ++done;
                         });
          if (!keep) continue;
          ++kept;
          std::lock_guard<std::mutex> lock(mutex);
          tickets.push_back(std::move(ticket));
        }
      });
    }
    threads.clear();
    while (done < kept) DrainCallbacks();
    EXPECT_EQ(table.size(), 0);
  }
  DrainCallbacks();
  EXPECT_EQ(done, kept);
  EXPECT_EQ(most, 1);
}

}  // namespace
}  // namespace hubd
