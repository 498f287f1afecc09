#include "server/fetch/transfer.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/clock.h"
#include "server/base/digest.h"
#include "server/base/mutex.h"
#include "server/base/status.h"
#include "server/store/space.h"
#include "tests/server/base/temp_dir.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_http_transport.h"

namespace hubd {
namespace {

constexpr char kUrl[] = "https://h.org/w";
constexpr int64_t kPart = 16 << 10;

std::string Body(char fill) {
  std::string body(160 * kPart + 9, fill);
  for (size_t i = 0; i + 8 < body.size(); i += 4096) {
    body.replace(i, 8, absl::StrCat(10'000'000 + i));
  }
  return body;
}

std::optional<HttpResponse> Refusal(int status,
                                    const std::string& retry_after = "") {
  HttpResponse refusal;
  refusal.status = status;
  if (!retry_after.empty()) refusal.headers["retry-after"] = retry_after;
  return refusal;
}

// A clock on which who waits does so until Pass.
class HeldClock final : public Clock {
 public:
  absl::Time Now() const override { return clock_.Now(); }

  absl::Status Sleep(absl::Duration duration,
                     const std::stop_token& stop) const override {
    {
      MutexLock lock(mutex_);
      while (!passes_) passed_.Wait(mutex_);
    }
    return clock_.Sleep(duration, stop);
  }

  void Pass() {
    MutexLock lock(mutex_);
    passes_ = true;
    passed_.NotifyAll();
  }

 private:
  const FakeClock clock_;
  mutable Mutex mutex_;
  mutable CondVar passed_;
  bool passes_ ABSL_GUARDED_BY(mutex_) = false;
};

// Refuses requests before a server; knows how many others are under way.
class Gate final : public HttpTransport {
 public:
  using Judge =
      std::function<std::optional<HttpResponse>(const HttpRequest&, int)>;

  Gate(HttpTransport& http, Judge judge)
      : http_(http), judge_(std::move(judge)) {}

  // No body comes before somebody is refused, or Release.
  void Hold() {
    MutexLock lock(mutex_);
    held_ = true;
  }

  void Release() {
    MutexLock lock(mutex_);
    held_ = false;
    changed_.NotifyAll();
  }

  // Blocks until some of a body was taken.
  void AwaitBody() {
    MutexLock lock(mutex_);
    while (!has_body_) changed_.Wait(mutex_);
  }

  // Of requests that were under way at one time.
  int most() const {
    MutexLock lock(mutex_);
    return most_;
  }

  absl::Status Fetch(const HttpRequest& request, HttpHandler& handler,
                     std::stop_token stop) override {
    std::optional<HttpResponse> refusal;
    {
      MutexLock lock(mutex_);
      refusal = judge_(request, under_way_);
      if (!refusal) most_ = std::max(most_, ++under_way_);
      if (refusal) held_ = false;
      changed_.NotifyAll();
    }
    if (refusal) return handler.OnResponse(*refusal);
    Held held(handler, *this);
    absl::Status status = http_.Fetch(request, held, stop);
    MutexLock lock(mutex_);
    --under_way_;
    return status;
  }

 private:
  class Held final : public HttpHandler {
   public:
    Held(HttpHandler& to, Gate& gate) : to_(to), gate_(gate) {}
    absl::Status OnResponse(const HttpResponse& response) override {
      return to_.OnResponse(response);
    }
    absl::Status OnBody(absl::string_view bytes) override {
      gate_.AwaitRelease();
      const absl::Status status = to_.OnBody(bytes);
      gate_.NoteBody();
      return status;
    }

   private:
    HttpHandler& to_;
    Gate& gate_;
  };

  void AwaitRelease() {
    MutexLock lock(mutex_);
    while (held_) changed_.Wait(mutex_);
  }

  void NoteBody() {
    MutexLock lock(mutex_);
    has_body_ = true;
    changed_.NotifyAll();
  }

  HttpTransport& http_;
  const Judge judge_;
  mutable Mutex mutex_;
  CondVar changed_;
  int under_way_ ABSL_GUARDED_BY(mutex_) = 0;
  int most_ ABSL_GUARDED_BY(mutex_) = 0;
  bool held_ ABSL_GUARDED_BY(mutex_) = false;
  bool has_body_ ABSL_GUARDED_BY(mutex_) = false;
};

// The first requests fail, each at one of these addresses, before they reach a
// server.
class FailsAtFirst final : public HttpTransport {
 public:
  FailsAtFirst(HttpTransport& http, std::vector<std::string> addresses)
      : http_(http), addresses_(std::move(addresses)) {}

  absl::Status Fetch(const HttpRequest& request, HttpHandler& handler,
                     std::stop_token stop) override {
    {
      MutexLock lock(mutex_);
      if (avoided_.size() < addresses_.size()) {
        const std::string& address = addresses_[avoided_.size()];
        avoided_.push_back(request.avoided_addresses);
        Metadata metadata = {{"cause", "stall"}};
        if (!address.empty()) metadata["address"] = address;
        return ReasonError(Reason::kUpstreamUnavailable, "it stalls", metadata);
      }
    }
    return http_.Fetch(request, handler, stop);
  }

  // What each of them was to avoid.
  std::vector<std::vector<std::string>> avoided() const {
    MutexLock lock(mutex_);
    return avoided_;
  }

 private:
  HttpTransport& http_;
  const std::vector<std::string> addresses_;
  mutable Mutex mutex_;
  std::vector<std::vector<std::string>> avoided_ ABSL_GUARDED_BY(mutex_);
};

// A server that says nothing until End.
class Silence final : public HttpTransport {
 public:
  explicit Silence(HttpTransport& http) : http_(http) {}

  void End() {
    MutexLock lock(mutex_);
    ended_ = true;
    changed_.NotifyAll();
  }

  absl::Status Fetch(const HttpRequest& request, HttpHandler& handler,
                     std::stop_token stop) override {
    {
      MutexLock lock(mutex_);
      while (!ended_) changed_.Wait(mutex_);
    }
    return http_.Fetch(request, handler, stop);
  }

 private:
  HttpTransport& http_;
  Mutex mutex_;
  CondVar changed_;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
};

class TransferTest : public testing::Test {
 protected:
  TransferTest() { http_.Set(kUrl, FakeHttpTransport::Ranged(body_, "\"e\"")); }

  absl::Status Run(int tries = 3) {
    DownloadOptions options;
    options.retry.tries = tries;
    options.part_bytes = kPart;
    Transfer transfer(
        options, {http_, connections_, space_, clock_}, {.url = kUrl},
        contents_,
        [this](const Progress& progress) {
          if (on_progress_) on_progress_(progress);
        },
        stop_.get_token());
    const absl::Status status = transfer.Run();
    result_ = transfer.TakeResult();
    return status;
  }

  absl::Status RunOver(HttpTransport& http) {
    return RunOver({http, connections_, space_, clock_});
  }

  absl::Status RunOver(
      const DownloadParts& parts,
      const ProgressFn& progress = [](const Progress&) {}) {
    Transfer transfer({.retry = {}, .part_bytes = kPart}, parts, {.url = kUrl},
                      contents_, progress, {});
    return transfer.Run();
  }

  void ExpectRangesOnly() {
    for (const HttpRequest& request : http_.requests()) {
      EXPECT_FALSE(request.headers.empty()) << "all was asked for";
    }
  }

  void ExpectAll(const std::string& body) {
    EXPECT_TRUE(contents_.complete());
    EXPECT_EQ(contents_.FinishDigest(), Sha256Hex(body));
  }

  const std::string body_ = Body('a');
  TempDir dir_;
  Partial partial_ = *Partial::Open(dir_.Below("partial"), kUrl, {});
  Space space_{{.path = dir_.path(), .min_free = 0}};
  FakeClock clock_;
  Contents contents_{partial_, space_, clock_};
  FakeHttpTransport http_;
  ConnectionBudget connections_{{}};
  std::stop_source stop_;
  ProgressFn on_progress_;
  Downloaded result_;
};

TEST_F(TransferTest, SeveralConnectionsBringTheObject) {
  FakeHttpTransport::Answer held = FakeHttpTransport::Ranged(body_, "\"e\"");
  held.held = true;
  http_.Set(kUrl, held);
  std::optional<absl::Status> status;
  {
    const std::jthread run([&] { status = Run(); });
    // None of the four has ended.
    http_.AwaitRequests(4);
    http_.Release();
  }
  ASSERT_TRUE(status->ok()) << *status;
  ExpectAll(body_);
  std::set<std::string> ranges;
  for (const HttpRequest& request : http_.requests()) {
    EXPECT_TRUE(ranges.insert(request.headers.at(0)).second);
    EXPECT_TRUE(request.http1);
  }
}

TEST_F(TransferTest, NotMoreThanAreAllowed) {
  ConnectionBudget two({.per_object = 2});
  Gate gate(http_, [](const HttpRequest&, int) {
    return std::optional<HttpResponse>();
  });
  gate.Hold();
  int told = 0;
  const absl::Status status =
      RunOver({gate, two, space_, clock_}, [&](const Progress& progress) {
        // Others would be there by then.
        if (progress.connections >= 2 && ++told == 3) gate.Release();
      });
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(gate.most(), 2);
  ExpectAll(body_);
}

TEST_F(TransferTest, ConnectionsGiveWayToTheDigest) {
  const int before = ::getpriority(PRIO_PROCESS, 0);
  int least = 19;
  Gate gate(http_, [&](const HttpRequest&, int) {
    least = std::min(least, ::getpriority(PRIO_PROCESS, 0));
    return std::optional<HttpResponse>();
  });
  int follower = 0;
  const absl::Status status = RunOver(
      {gate, connections_, space_, clock_},
      [&](const Progress&) { follower = ::getpriority(PRIO_PROCESS, 0); });
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(follower, before);
  EXPECT_EQ(least, std::min(before + 5, 19));
}

TEST_F(TransferTest, TheTimeBeforePartsBeganIsNoMeasure) {
  FakeHttpTransport::Answer held = FakeHttpTransport::Ranged(body_, "\"e\"");
  held.held = true;
  http_.Set(kUrl, held);
  bool limited = false;
  // With half of the four connections it goes on, long after it began.
  Gate gate(http_, [&](const HttpRequest&, int) {
    return std::exchange(limited, true) ? std::nullopt : Refusal(429, "90");
  });
  int told = 0;
  const absl::Status status = RunOver(
      {gate, connections_, space_, clock_}, [&](const Progress& progress) {
        if (progress.phase != Progress::Phase::kDownloading) return;
        gate.AwaitBody();
        if (progress.connections >= 2 && ++told == 3) http_.Release();
      });
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(gate.most(), 2);
  ExpectAll(body_);
}

TEST_F(TransferTest, BreaksCostNothingTwice) {
  FakeHttpTransport::Answer broken = FakeHttpTransport::Ranged(body_, "\"e\"");
  for (int i = 0; i < 30; ++i) broken.cuts.push_back(i % 3 == 0 ? 70'000 : 10);
  http_.Set(kUrl, broken);
  ASSERT_TRUE(Run(/*tries=*/50).ok());
  ExpectAll(body_);
}

TEST_F(TransferTest, AddressesThatFailedAreAvoided) {
  http_.Set(kUrl, FakeHttpTransport::Ranged(body_, "\"e\""));
  // The third has no address: the host answered.
  FailsAtFirst http(http_, {"192.0.2.1", "192.0.2.2", "", "192.0.2.1"});
  ASSERT_TRUE(RunOver(http).ok());
  ExpectAll(body_);
  using Addresses = std::vector<std::string>;
  EXPECT_EQ(http.avoided(),
            std::vector<Addresses>({{},
                                    {"192.0.2.1"},
                                    {"192.0.2.1", "192.0.2.2"},
                                    {"192.0.2.1", "192.0.2.2"}}));
  for (const HttpRequest& request : http_.requests()) {
    EXPECT_EQ(request.avoided_addresses, Addresses({"192.0.2.1"}));
  }
}

TEST_F(TransferTest, WhoWaitsForAnAnswerIsToldSo) {
  http_.Set(kUrl, FakeHttpTransport::Ranged(body_, "\"e\""));
  Silence silence(http_);
  std::vector<Progress::Phase> phases;
  const absl::Status status = RunOver(
      {silence, connections_, space_, clock_}, [&](const Progress& progress) {
        if (progress.phase == Progress::Phase::kConnecting) {
          EXPECT_EQ(progress.connections, 1);
          silence.End();
        }
        if (phases.empty() || phases.back() != progress.phase) {
          phases.push_back(progress.phase);
        }
      });
  ASSERT_TRUE(status.ok()) << status;
  ASSERT_FALSE(phases.empty());
  EXPECT_EQ(phases.front(), Progress::Phase::kConnecting);
  EXPECT_LE(phases.size(), 2u);
}

TEST_F(TransferTest, AChangeOnTheWayBeginsAnew) {
  const std::string other = Body('b');
  on_progress_ = [&](const Progress&) {
    http_.Set(kUrl, FakeHttpTransport::Ranged(other, "\"f\""));
  };
  FakeHttpTransport::Answer held = FakeHttpTransport::Ranged(body_, "\"e\"");
  held.held = true;
  http_.Set(kUrl, held);
  ASSERT_TRUE(Run().ok());
  ExpectAll(other);
  EXPECT_TRUE(result_.changed);
  EXPECT_FALSE(result_.resumed);
}

TEST_F(TransferTest, ALimitIsWaitedForAndTold) {
  HeldClock clock;
  const absl::Time begin = clock.Now();
  bool limited = false;
  Gate gate(http_, [&](const HttpRequest&, int) {
    return std::exchange(limited, true) ? std::nullopt : Refusal(429, "90");
  });
  std::optional<Progress> told;
  const absl::Status status = RunOver(
      {gate, connections_, space_, clock}, [&](const Progress& progress) {
        if (progress.phase != Progress::Phase::kWaiting) return;
        told = progress;
        clock.Pass();
      });
  ASSERT_TRUE(status.ok()) << status;
  ExpectAll(body_);
  EXPECT_EQ(clock.Now() - begin, absl::Seconds(90));
  ASSERT_TRUE(told.has_value());
  EXPECT_EQ(told->resume_at, begin + absl::Seconds(90));
  EXPECT_EQ(told->failures, 1);
  EXPECT_TRUE(absl::StrContains(told->last_error, "HTTP 429"))
      << told->last_error;
}

TEST_F(TransferTest, ALimitThatStaysIsTheResult) {
  FakeHttpTransport::Answer limits;
  limits.response.status = 429;
  limits.response.headers["retry-after"] = "90";
  http_.Set(kUrl, limits);
  const absl::Time begin = clock_.Now();
  EXPECT_EQ(ReasonOf(Run()), Reason::kRateLimited);
  EXPECT_EQ(clock_.Now() - begin, absl::Seconds(180));
}

class RefusedTransferTest : public TransferTest,
                            public testing::WithParamInterface<int> {};

INSTANTIATE_TEST_SUITE_P(Statuses, RefusedTransferTest,
                         testing::Values(403, 429, 503));

TEST_P(RefusedTransferTest, AHostThatStandsFewerConnectionsGetsFewer) {
  // Whichever comes while another one is there is refused.
  int refusals = 0;
  Gate strict(http_, [&](const HttpRequest&, int others) {
    if (others == 0) return std::optional<HttpResponse>();
    ++refusals;
    return std::optional(Refusal(GetParam()));
  });
  const absl::Status status = RunOver(strict);
  ASSERT_TRUE(status.ok()) << status;
  ExpectAll(body_);
  ExpectRangesOnly();
  // None of the three asks again.
  EXPECT_LE(refusals, 3);
}

TEST_F(TransferTest, ARefusalThatPassesCostsNothing) {
  ConnectionBudget one({.per_object = 1});
  std::vector<int> refusals = {403, 408, 421, 425};
  int requests = 0;
  Gate unsure(http_, [&](const HttpRequest&, int) {
    const bool good = ++requests % 2 == 1 || refusals.empty();
    std::optional<HttpResponse> answer;
    if (good) return answer;
    answer = Refusal(refusals.back());
    refusals.pop_back();
    return answer;
  });
  const absl::Status status = RunOver({unsure, one, space_, clock_});
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_TRUE(refusals.empty());
  ExpectAll(body_);
  ExpectRangesOnly();
}

TEST_F(TransferTest, WhatIsThereOutlivesARefusalOfTheRest) {
  FakeHttpTransport::Answer broken = FakeHttpTransport::Ranged(body_, "\"e\"");
  broken.cuts.assign(100, 0);
  broken.cuts[0] = 3 * kPart;
  http_.Set(kUrl, broken);
  EXPECT_FALSE(Run(/*tries=*/1).ok());
  EXPECT_GT(contents_.done_bytes(), 0);
  http_.Set(kUrl, FakeHttpTransport::Ranged(body_, "\"e\""));
  bool refused = false;
  Gate unsure(http_, [&](const HttpRequest&, int) {
    return std::exchange(refused, true) ? std::nullopt : Refusal(403);
  });
  const absl::Status status = RunOver(unsure);
  ASSERT_TRUE(status.ok()) << status;
  ExpectAll(body_);
  ExpectRangesOnly();
}

TEST_F(TransferTest, ARefusalThatStaysLeadsToAll) {
  ConnectionBudget one({.per_object = 1});
  int refused = 0;
  Gate no_further(http_, [&](const HttpRequest& request, int) {
    const bool further = request.headers.size() == 2;
    refused += further ? 1 : 0;
    return further ? Refusal(403) : std::nullopt;
  });
  const absl::Status status = RunOver({no_further, one, space_, clock_});
  ASSERT_TRUE(status.ok()) << status;
  ExpectAll(body_);
  EXPECT_GT(refused, 1);
  EXPECT_TRUE(http_.requests().back().headers.empty());
}

TEST_F(TransferTest, AFailureForRangesOnlyIsNone) {
  Gate no_ranges(http_, [](const HttpRequest& request, int) {
    return request.headers.empty() ? std::nullopt : Refusal(500);
  });
  ASSERT_TRUE(RunOver(no_ranges).ok());
  ExpectAll(body_);
}

TEST_F(TransferTest, AnOutageCostsNothingOfWhatIsThere) {
  FakeHttpTransport::Answer broken = FakeHttpTransport::Ranged(body_, "\"e\"");
  broken.cuts.assign(100, 0);
  broken.cuts[0] = 3 * kPart;
  http_.Set(kUrl, broken);
  EXPECT_FALSE(Run(/*tries=*/1).ok());
  const int64_t before = contents_.done_bytes();
  EXPECT_GT(before, 0);
  FakeHttpTransport::Answer down;
  down.response.status = 503;
  http_.Set(kUrl, down);
  EXPECT_EQ(ReasonOf(Run()), Reason::kUpstreamUnavailable);
  EXPECT_EQ(contents_.done_bytes(), before);
  ExpectRangesOnly();
}

TEST_F(TransferTest, OneConnectionTooManyIsNoFailure) {
  // Beside the one that opens, every other is told to come back much later.
  Gate limited(http_, [](const HttpRequest&, int others) {
    return others > 0 ? Refusal(429, "3600") : std::nullopt;
  });
  // Of the first answer the body comes after somebody was refused.
  limited.Hold();
  const absl::Status status = RunOver(limited);
  ASSERT_TRUE(status.ok()) << status;
  ExpectAll(body_);
}

TEST_F(TransferTest, AStopEndsAllLanes) {
  FakeHttpTransport::Answer held = FakeHttpTransport::Ranged(body_, "\"e\"");
  held.held = true;
  http_.Set(kUrl, held);
  std::optional<absl::Status> status;
  {
    const std::jthread run([&] { status = Run(); });
    http_.AwaitRequests(4);
    stop_.request_stop();
  }
  EXPECT_TRUE(absl::IsCancelled(*status)) << *status;
  EXPECT_GT(contents_.done_bytes(), 0);
}

TEST_F(TransferTest, TheFirstErrorThatStaysEndsAll) {
  FakeHttpTransport::Answer gone;
  gone.response.status = 404;
  http_.Set(kUrl, gone);
  EXPECT_EQ(ReasonOf(Run()), Reason::kCheckpointNotFound);
  EXPECT_EQ(http_.requests().size(), 1u);
}

}  // namespace
}  // namespace hubd
