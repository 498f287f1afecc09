#include "server/fetch/flight_table.h"

#include <atomic>
#include <condition_variable>
#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/executor.h"
#include "tests/testing/fake_clock.h"

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

constexpr uid_t kAda = 1001;
constexpr uid_t kBob = 1002;
const FlightKey kKey = {"shared", "thing"};
const FlightSubject kSubject = {"checkpoint", "https://h.org/a", "h.org"};

// Who accepts everything.
FlightTable::Interest Ada(ProgressFn progress, FlightTable::DoneFn done) {
  return {.uid = kAda,
          .accept = nullptr,
          .progress = std::move(progress),
          .done = std::move(done)};
}

Progress Downloaded(int64_t bytes) {
  Progress progress;
  progress.phase = Progress::Phase::kDownloading;
  progress.done_bytes = bytes;
  return progress;
}

std::vector<int64_t> BytesOf(const std::vector<Progress>& told) {
  std::vector<int64_t> bytes;
  for (const Progress& progress : told) bytes.push_back(progress.done_bytes);
  return bytes;
}

class FlightTableTest : public testing::Test {
 protected:
  using Result = std::promise<absl::StatusOr<Fetched>>;

  // Joins on the callbacks' thread, as the contract of a drop asks for.
  FlightTable::Ticket Join(FlightTable::Run run, Result& result,
                           FlightTable::AcceptFn accept = nullptr,
                           ProgressFn progress = nullptr) {
    return JoinAs(kAda, std::move(run), result, std::move(accept),
                  std::move(progress));
  }

  FlightTable::Ticket JoinAs(uid_t uid, FlightTable::Run run, Result& result,
                             FlightTable::AcceptFn accept = nullptr,
                             ProgressFn progress = nullptr) {
    return table_.Join(kKey, kSubject, std::move(run),
                       {.uid = uid,
                        .accept = std::move(accept),
                        .progress = std::move(progress),
                        .done = [&result](const absl::StatusOr<Fetched>& got) {
                          result.set_value(got);
                        }});
  }

  // What a run's only caller is told after it was queued.
  std::vector<Progress> Told(FlightTable::Run run) {
    std::vector<Progress> told;
    Result result;
    FlightTable::Ticket ticket =
        Join(std::move(run), result, nullptr, [&](const Progress& progress) {
          if (progress.phase == Progress::Phase::kQueued) return;
          told.push_back(progress);
        });
    result.get_future().wait();
    return told;
  }

  // Waits until all work posted to the callbacks' thread so far has run.
  void DrainCallbacks() {
    std::promise<void> reached;
    callbacks_.Post([&] { reached.set_value(); });
    reached.get_future().wait();
  }

  ThreadPool runners_{"run", 8};
  ThreadPool callbacks_{"io", 1};
  FakeClock clock_;
  Bandwidth bandwidth_{clock_};
  FlightTable table_{{runners_, runners_}, callbacks_, clock_, bandwidth_};
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
  Gate queued, gate;
  auto run = [&](FlightTable::Context& context) -> absl::StatusOr<Fetched> {
    queued.Wait();
    Progress progress;
    progress.phase = Progress::Phase::kDownloading;
    progress.done_bytes = 7;
    context.Report(progress);
    gate.Wait();
    return Checkpoint("a");
  };
  Result first, late;
  std::vector<Progress::Phase> told;
  Gate reported;
  FlightTable::Ticket ticket =
      Join(run, first, nullptr, [&](const Progress& progress) {
        told.push_back(progress.phase);
        queued.Open();
        if (told.size() == 2) reported.Open();
      });
  reported.Wait();
  std::promise<int64_t> seen;
  FlightTable::Ticket late_ticket = Join(
      run, late, nullptr,
      [&](const Progress& progress) { seen.set_value(progress.done_bytes); });
  EXPECT_EQ(seen.get_future().get(), 7);
  gate.Open();
  EXPECT_TRUE(late.get_future().get().ok());
  EXPECT_TRUE(first.get_future().get().ok());
  // Who was there hears nothing again.
  EXPECT_THAT(told, testing::ElementsAre(Progress::Phase::kQueued,
                                         Progress::Phase::kDownloading));
}

TEST_F(FlightTableTest, ProgressIsToldTenTimesASecond) {
  auto run = [&](FlightTable::Context& context) -> absl::StatusOr<Fetched> {
    // All have been told that it is queued.
    DrainCallbacks();
    for (int ms = 0; ms < 1000; ++ms) {
      context.Report(Downloaded(ms));
      // Nobody is told of a run that is over.
      DrainCallbacks();
      clock_.Advance(absl::Milliseconds(1));
    }
    return Checkpoint("a");
  };
  EXPECT_THAT(
      BytesOf(Told(run)),
      testing::ElementsAre(0, 100, 200, 300, 400, 500, 600, 700, 800, 900));
}

TEST_F(FlightTableTest, ANewPhaseComesEarlyAndWhatFollowsItLater) {
  auto run = [&](FlightTable::Context& context) -> absl::StatusOr<Fetched> {
    DrainCallbacks();
    for (int ms = 0; ms < 500; ++ms) {
      Progress progress = Downloaded(ms);
      // Another one each five milliseconds.
      if (ms / 5 % 2 == 1) progress.phase = Progress::Phase::kConnecting;
      context.Report(progress);
      DrainCallbacks();
      clock_.Advance(absl::Milliseconds(1));
    }
    return Checkpoint("a");
  };
  std::vector<std::pair<int, Progress::Phase>> told;
  for (const Progress& progress : Told(run)) {
    told.emplace_back(progress.done_bytes, progress.phase);
  }
  const auto one = Progress::Phase::kDownloading;
  const auto other = Progress::Phase::kConnecting;
  EXPECT_THAT(told, testing::ElementsAre(
                        testing::Pair(0, one), testing::Pair(5, other),
                        testing::Pair(100, one), testing::Pair(205, other),
                        testing::Pair(300, one), testing::Pair(405, other)));
}

TEST_F(FlightTableTest, AClockThatIsSetBackHoldsUpNoProgress) {
  auto run = [&](FlightTable::Context& context) -> absl::StatusOr<Fetched> {
    DrainCallbacks();
    context.Report(Downloaded(1));
    DrainCallbacks();
    clock_.Advance(-absl::Hours(1));
    for (int i = 2; i <= 4; ++i) {
      context.Report(Downloaded(i));
      DrainCallbacks();
      clock_.Advance(absl::Milliseconds(100));
    }
    return Checkpoint("a");
  };
  EXPECT_THAT(BytesOf(Told(run)), testing::ElementsAre(1, 4));
}

TEST_F(FlightTableTest, ASlowReaderIsToldTheNewestOnly) {
  Gate reader_goes_on;
  std::promise<void> reads;
  auto run = [&](FlightTable::Context& context) -> absl::StatusOr<Fetched> {
    DrainCallbacks();
    context.Report(Downloaded(0));
    reads.get_future().wait();
    for (int i = 1; i <= 1000; ++i) {
      clock_.Advance(absl::Seconds(1));
      context.Report(Downloaded(i));
    }
    reader_goes_on.Open();
    DrainCallbacks();
    return Checkpoint("a");
  };
  std::vector<int64_t> told;
  Result result;
  FlightTable::Ticket ticket =
      Join(run, result, nullptr, [&](const Progress& progress) {
        if (progress.phase == Progress::Phase::kQueued) return;
        told.push_back(progress.done_bytes);
        if (told.size() == 1) reads.set_value();
        reader_goes_on.Wait();
      });
  result.get_future().wait();
  EXPECT_EQ(told, std::vector<int64_t>({0, 1000}));
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

// Whose Post returns late, long after the work began: from the second on, since
// the first tells that a flight is queued.
class SlowToPost final : public Executor {
 public:
  explicit SlowToPost(Executor& executor) : executor_(executor) {}

  void Post(std::function<void()> work) override {
    executor_.Post(std::move(work));
    if (posts_++ == 0) return;
    gate.Wait();
    std::this_thread::yield();
    returned = true;
  }

  Gate gate;
  std::atomic<bool> returned = false;

 private:
  Executor& executor_;
  std::atomic<int> posts_ = 0;
};

TEST_F(FlightTableTest, ItsEndWaitsForARunThatStillPostsItsResult) {
  SlowToPost callbacks(callbacks_);
  Result result;
  FlightTable::Ticket ticket;
  {
    FlightTable table({runners_, runners_}, callbacks, clock_, bandwidth_);
    ticket = table.Join(
        kKey, kSubject, [](auto&) { return Checkpoint("a"); },
        Ada(nullptr, [&result](const auto& got) { result.set_value(got); }));
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
      kKey, kSubject, run,
      Ada([&](const Progress&) { called_after = called_after || dropped; },
          [&](const absl::StatusOr<Fetched>&) { called_after = true; }));
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

TEST_F(FlightTableTest, ListSaysWhatRunsForWhomAndHowFarItHasCome) {
  Gate gate;
  std::promise<void> reported;
  auto run = [&](FlightTable::Context& context) -> absl::StatusOr<Fetched> {
    context.Report(Downloaded(1));
    clock_.Advance(absl::Seconds(2));
    context.Report(Downloaded(201));
    reported.set_value();
    gate.Wait();
    return Checkpoint("a");
  };
  const absl::Time began = clock_.Now();
  Result first, second, third;
  FlightTable::Ticket a = JoinAs(kBob, run, first);
  FlightTable::Ticket b = JoinAs(kAda, run, second);
  FlightTable::Ticket c = JoinAs(kBob, run, third);
  reported.get_future().wait();
  const std::vector<FlightInfo> flights = table_.List();
  ASSERT_EQ(flights.size(), 1u);
  const FlightInfo& flight = flights[0];
  EXPECT_EQ(flight.domain, "shared");
  EXPECT_EQ(flight.subject.name, kSubject.name);
  EXPECT_EQ(flight.uids, (std::vector<uid_t>{kAda, kBob, kBob}));
  EXPECT_EQ(flight.progress.done_bytes, 201);
  EXPECT_EQ(flight.bytes_per_second, 100);
  EXPECT_EQ(flight.since, began);
  gate.Open();
  third.get_future().wait();
  EXPECT_TRUE(table_.List().empty());
}

TEST_F(FlightTableTest, StopTellsThoseWhoWaitAndWhoComesNextStartsAnew) {
  std::promise<void> started;
  std::atomic<int> runs = 0;
  auto run = [&](FlightTable::Context& context) -> absl::StatusOr<Fetched> {
    if (++runs > 1) return Checkpoint("b");
    Gate stopped;
    std::stop_callback callback(context.stop(), [&] { stopped.Open(); });
    started.set_value();
    stopped.Wait();
    return Checkpoint("a");
  };
  Result first, second, next;
  FlightTable::Ticket a = Join(run, first);
  FlightTable::Ticket b = Join(run, second);
  started.get_future().wait();
  const int64_t id = table_.List()[0].id;
  EXPECT_EQ(table_.Stop(id, std::nullopt, absl::CancelledError("by root")),
            FlightTable::Outcome::kDone);
  EXPECT_EQ(first.get_future().get().status().message(), "by root");
  EXPECT_EQ(second.get_future().get().status().message(), "by root");
  FlightTable::Ticket c = Join(run, next);
  EXPECT_EQ(Sha256Of(next.get_future().get()), "b");
}

TEST_F(FlightTableTest, StopOfOneUsersFlightLeavesOthersWhatTheyWaitFor) {
  Gate gate;
  auto run = [&](FlightTable::Context&) -> absl::StatusOr<Fetched> {
    gate.Wait();
    return Checkpoint("a");
  };
  using Outcome = FlightTable::Outcome;
  Result first, second;
  FlightTable::Ticket a = JoinAs(kAda, run, first);
  FlightTable::Ticket b = JoinAs(kBob, run, second);
  const int64_t id = table_.List()[0].id;
  const absl::Status reason = absl::CancelledError("by Ada");
  EXPECT_EQ(table_.Stop(id + 100, kAda, reason), Outcome::kNotThere);
  EXPECT_EQ(table_.Stop(id, kAda, reason), Outcome::kOthersWait);
  b.Drop();
  EXPECT_EQ(table_.Stop(id, kAda, reason), Outcome::kDone);
  EXPECT_EQ(table_.Stop(id, kAda, reason), Outcome::kNotThere);
  EXPECT_EQ(first.get_future().get().status(), reason);
  gate.Open();
}

TEST_F(FlightTableTest, ATableThatTakesAnothersPlaceKnowsNoneOfItsIds) {
  Gate gate;
  auto run = [&](FlightTable::Context&) -> absl::StatusOr<Fetched> {
    gate.Wait();
    return Checkpoint("a");
  };
  Result first;
  FlightTable::Ticket a = Join(run, first);
  const int64_t old = table_.List()[0].id;
  clock_.Advance(absl::Milliseconds(100));
  Gate next_gate;
  FlightTable next({runners_, runners_}, callbacks_, clock_, bandwidth_);
  Result second;
  FlightTable::Ticket b = next.Join(
      kKey, kSubject,
      [&](FlightTable::Context&) -> absl::StatusOr<Fetched> {
        next_gate.Wait();
        return Checkpoint("b");
      },
      Ada(nullptr, [&second](const absl::StatusOr<Fetched>& got) {
        second.set_value(got);
      }));
  EXPECT_EQ(next.Stop(old, std::nullopt, absl::CancelledError("stale")),
            FlightTable::Outcome::kNotThere);
  EXPECT_LT(next.List()[0].id, 10'001'000);
  gate.Open();
  next_gate.Open();
  EXPECT_EQ(Sha256Of(second.get_future().get()), "b");
}

// Else a run that asks the table when it is told to stop would wait for ever.
TEST_F(FlightTableTest, WhoIsToldToStopMayAskTheTable) {
  for (const char* how : {"drop", "stop", "all"}) {
    std::promise<void> started;
    std::promise<int> left;
    auto run = [&](FlightTable::Context& context) -> absl::StatusOr<Fetched> {
      const std::stop_callback callback(context.stop(),
                                        [&] { left.set_value(table_.size()); });
      std::future<int> told = left.get_future();
      started.set_value();
      told.wait();
      return absl::CancelledError("stopped");
    };
    Result result;
    FlightTable::Ticket ticket = Join(run, result);
    started.get_future().wait();
    const absl::Status reason = absl::CancelledError(how);
    if (how[0] == 'd') {
      ticket.Drop();
    } else if (how[0] == 's') {
      table_.Stop(table_.List()[0].id, std::nullopt, reason);
    } else {
      table_.StopAll(reason);
    }
    EXPECT_EQ(table_.size(), 0) << how;
    if (how[0] != 'd') {
      EXPECT_EQ(result.get_future().get().status(), reason);
    }
    DrainCallbacks();
  }
}

// A limit of whoever waits alone ends when another user joins, the
// administrator's does not; both end with the flight.
TEST_F(FlightTableTest, ALimitLastsAsLongAsWhoSetItMayLimitTheFlight) {
  using Outcome = FlightTable::Outcome;
  constexpr int64_t kRate = 1 << 20;
  for (const bool administrator : {false, true}) {
    const std::optional<uid_t> only_of =
        administrator ? std::nullopt : std::optional(kAda);
    Gate gate;
    auto run = [&](FlightTable::Context&) -> absl::StatusOr<Fetched> {
      gate.Wait();
      return Checkpoint("a");
    };
    Result first, again, second;
    FlightTable::Ticket a = JoinAs(kAda, run, first);
    const int64_t id = table_.List()[0].id;
    EXPECT_EQ(*table_.Limit(id + 100, only_of, kRate), Outcome::kNotThere);
    EXPECT_TRUE(absl::IsInvalidArgument(table_.Limit(id, only_of, 1).status()));
    EXPECT_EQ(*table_.Limit(id, only_of, kRate), Outcome::kDone);
    FlightTable::Ticket b = JoinAs(kAda, run, again);
    EXPECT_EQ(bandwidth_.LimitOfJob(id), kRate);
    FlightTable::Ticket c = JoinAs(kBob, run, second);
    EXPECT_EQ(bandwidth_.LimitOfJob(id), administrator ? kRate : 0);
    EXPECT_EQ(*table_.Limit(id, kAda, kRate), Outcome::kOthersWait);
    EXPECT_EQ(*table_.Limit(id, std::nullopt, kRate), Outcome::kDone);
    gate.Open();
    second.get_future().wait();
    EXPECT_EQ(bandwidth_.LimitOfJob(id), 0);
  }
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
    FlightTable table({runners_, runners_}, callbacks_, clock_, bandwidth_);
    std::mutex mutex;
    std::vector<FlightTable::Ticket> tickets;
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 500; ++i) {
          const bool keep = (i + t) % 3 != 0;
          FlightTable::Ticket ticket = table.Join(
              kKey, kSubject, run,
              Ada(nullptr, [&done, keep](const absl::StatusOr<Fetched>&) {
                if (keep) ++done;
              }));
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

TEST_F(FlightTableTest, CheckpointsThatWaitHoldUpNothingElse) {
  ThreadPool checkpoints("checkpoints", 1);
  FlightTable table({checkpoints, runners_}, callbacks_, clock_, bandwidth_);
  Gate gate;
  Result slow;
  Result quick;
  const auto join = [&](const std::string& kind, FlightTable::Run run,
                        Result& result) {
    return table.Join({"shared", kind}, {kind, "x", "h"}, std::move(run),
                      {.uid = kAda,
                       .accept = nullptr,
                       .progress = nullptr,
                       .done = [&result](const absl::StatusOr<Fetched>& got) {
                         result.set_value(got);
                       }});
  };
  const FlightTable::Ticket first = join(
      "checkpoint",
      [&](FlightTable::Context&) -> absl::StatusOr<Fetched> {
        gate.Wait();
        return absl::NotFoundError("slow");
      },
      slow);
  const FlightTable::Ticket second = join(
      "refs",
      [](FlightTable::Context&) -> absl::StatusOr<Fetched> {
        return absl::NotFoundError("quick");
      },
      quick);
  EXPECT_EQ(quick.get_future().get().status().message(), "quick");
  gate.Open();
  EXPECT_EQ(slow.get_future().get().status().message(), "slow");
}

}  // namespace
}  // namespace hubd
