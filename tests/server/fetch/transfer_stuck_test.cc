// A connection on which nothing comes costs the others nothing.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/base/progress.h"
#include "server/base/status.h"
#include "server/fetch/connection_budget.h"
#include "server/net/http_transport.h"
#include "tests/server/fetch/transfer_fixture.h"

namespace hubd {
namespace {

// Of all requests one hangs in the middle of its body, until it is said to fail
// or stopped.
class StuckOnce final : public HttpTransport {
 public:
  // The first one has the number 0.
  StuckOnce(HttpTransport& http, int number) : http_(http), number_(number) {}

  // What that request does not bring; nullopt: it does not hang yet.
  std::optional<int64_t> missing() const {
    MutexLock lock(mutex_);
    return missing_;
  }

  // Blocks while that request is under way and does not hang yet: whether it
  // hangs, or has.
  bool AwaitHang() {
    MutexLock lock(mutex_);
    while (requests_ > number_ && !missing_) changed_.Wait(mutex_);
    return missing_.has_value();
  }

  void Fail() {
    MutexLock lock(mutex_);
    fails_ = true;
    changed_.NotifyAll();
  }

  absl::Status Fetch(const HttpRequest& request, HttpHandler& handler,
                     std::stop_token stop) override {
    if (Count() != number_) return http_.Fetch(request, handler, stop);
    Half half(handler, *this, stop);
    return http_.Fetch(request, half, stop);
  }

 private:
  class Half final : public HttpHandler {
   public:
    Half(HttpHandler& to, StuckOnce& network, std::stop_token stop)
        : to_(to), network_(network), stop_(std::move(stop)) {}
    absl::Status OnResponse(const HttpResponse& response) override {
      return to_.OnResponse(response);
    }
    absl::Status OnBody(absl::string_view bytes) override {
      if (std::exchange(is_second_, true)) {
        return network_.Hang(static_cast<int64_t>(bytes.size()), stop_);
      }
      return to_.OnBody(bytes);
    }

   private:
    HttpHandler& to_;
    StuckOnce& network_;
    const std::stop_token stop_;
    bool is_second_ = false;
  };

  int Count() {
    MutexLock lock(mutex_);
    return requests_++;
  }

  absl::Status Hang(int64_t missing, const std::stop_token& stop) {
    const std::stop_callback wake(stop, [this] { Fail(); });
    MutexLock lock(mutex_);
    missing_ = missing;
    changed_.NotifyAll();
    while (!fails_) changed_.Wait(mutex_);
    if (stop.stop_requested()) return absl::CancelledError("stopped");
    return ReasonError(Reason::kUpstreamUnavailable, "nothing came for long",
                       {{"cause", "stall"}});
  }

  HttpTransport& http_;
  const int number_;
  mutable Mutex mutex_;
  CondVar changed_;
  int requests_ ABSL_GUARDED_BY(mutex_) = 0;
  bool fails_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<int64_t> missing_ ABSL_GUARDED_BY(mutex_);
};

class StuckLaneTest : public TransferFixture,
                      public testing::WithParamInterface<int> {
 protected:
  StuckLaneTest() { Serve(kUrl, body_); }

  // Calls `on_rest_there` when all has come but what hangs.
  Job Start(const ProgressFn& on_rest_there) {
    return Job({stuck_, connections_, space_, clock_}, dir_.Below("partial"),
               kUrl, [this, on_rest_there](const Progress& progress) {
                 const std::optional<int64_t> missing = stuck_.missing();
                 if (!missing || progress.done_bytes + *missing != Size()) {
                   return;
                 }
                 on_rest_there(progress);
               });
  }

  // Of all requests together.
  int64_t AskedBytes() const {
    int64_t sum = 0;
    for (const HttpRequest& request : http_.requests()) {
      absl::string_view range = request.headers.at(0);
      EXPECT_TRUE(absl::ConsumePrefix(&range, "Range: bytes=")) << range;
      const std::pair<std::string, std::string> ends =
          absl::StrSplit(range, '-');
      int64_t first;
      int64_t last;
      EXPECT_TRUE(absl::SimpleAtoi(ends.first, &first)) << range;
      EXPECT_TRUE(absl::SimpleAtoi(ends.second, &last)) << range;
      sum += std::min(last + 1, Size()) - first;
    }
    return sum;
  }

  int64_t Size() const { return static_cast<int64_t>(body_.size()); }

  const std::string body_ = Body(256);
  StuckOnce stuck_{http_, GetParam()};
  ConnectionBudget connections_{{}};
};

TEST_P(StuckLaneTest, AllElseComesMeanwhileAndItsRestElsewhere) {
  int failures = -1;
  Job job = Start([&](const Progress& progress) {
    if (failures < 0) failures = progress.failures;
    stuck_.Fail();
  });
  (void)job.Finish();
  job.ExpectAll(body_);
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(AskedBytes(), Size() + *stuck_.missing());
}

// Refuses those who ask while one hangs, a few times; the last of them it asks
// to wait for twenty seconds.
class Crowded final : public HttpTransport {
 public:
  static constexpr size_t kRefusals = 6;

  Crowded(HttpTransport& http, StuckOnce& stuck, const Clock& clock)
      : http_(http), stuck_(stuck), clock_(clock) {}

  absl::Status Fetch(const HttpRequest& request, HttpHandler& handler,
                     std::stop_token stop) override {
    // Nothing else comes before.
    if (stuck_.AwaitHang()) {
      MutexLock lock(mutex_);
      asked_at_.push_back(clock_.Now());
      if (asked_at_.size() <= kRefusals) {
        HttpResponse refusal;
        refusal.status = 503;
        if (asked_at_.size() == kRefusals) {
          refusal.headers["retry-after"] = "20";
        }
        return handler.OnResponse(refusal);
      }
    }
    return http_.Fetch(request, handler, stop);
  }

  // When they asked who asked since.
  std::vector<absl::Time> asked_at() const {
    MutexLock lock(mutex_);
    return asked_at_;
  }

 private:
  HttpTransport& http_;
  StuckOnce& stuck_;
  const Clock& clock_;
  mutable Mutex mutex_;
  std::vector<absl::Time> asked_at_ ABSL_GUARDED_BY(mutex_);
};

TEST_P(StuckLaneTest, AllElseComesMeanwhileThoughTheHostHasRefusedOthers) {
  Crowded crowded(stuck_, stuck_, clock_);
  ConnectionBudget four({.per_object = 4});
  bool came = false;
  const absl::Time end = clock_.Now() + absl::Minutes(2);
  Job job({crowded, four, space_, clock_}, dir_.Below("partial"), kUrl,
          [&](const Progress& progress) {
            clock_.Advance(absl::Seconds(1));
            const std::optional<int64_t> missing = stuck_.missing();
            came =
                came || (missing && progress.done_bytes + *missing == Size());
            if (came || clock_.Now() > end) stuck_.Fail();
          });
  EXPECT_EQ(job.Finish(), absl::OkStatus());
  job.ExpectAll(body_);
  EXPECT_TRUE(came);
  // Three were there, of which one may have asked twice; then one after the
  // other came.
  const std::vector<absl::Time> asked_at = crowded.asked_at();
  ASSERT_GT(asked_at.size(), Crowded::kRefusals);
  EXPECT_GE(asked_at[5] - asked_at[4], absl::Seconds(4));
  EXPECT_GE(asked_at[6] - asked_at[5], absl::Seconds(20));
}

TEST_P(StuckLaneTest, AStopLosesNothingElse) {
  std::stop_source stop;
  Job job = Start([&](const Progress&) { stop.request_stop(); });
  const std::stop_callback chain(stop.get_token(), [&job] { job.Stop(); });
  EXPECT_TRUE(absl::IsCancelled(job.Finish()));
  EXPECT_EQ(job.done_bytes() + *stuck_.missing(), Size());
}

INSTANTIATE_TEST_SUITE_P(TheOpeningOneAndLaterOnes, StuckLaneTest,
                         testing::Values(0, 2, 12));

}  // namespace
}  // namespace hubd
