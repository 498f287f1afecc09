#include "server/fetch/transfer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
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
constexpr int64_t kPart = 64 << 10;

std::string Body(char fill) {
  std::string body(40 * kPart + 9, fill);
  for (size_t i = 0; i + 8 < body.size(); i += 4096) {
    body.replace(i, 8, absl::StrCat(10'000'000 + i));
  }
  return body;
}

FakeHttpTransport::Answer AnswerOf(const std::string& body,
                                   const std::string& etag) {
  FakeHttpTransport::Answer answer;
  answer.response.status = 200;
  answer.response.headers["etag"] = etag;
  answer.response.content_length = static_cast<int64_t>(body.size());
  answer.body = body;
  answer.ranges = true;
  return answer;
}

class TransferTest : public testing::Test {
 protected:
  TransferTest() { http_.Set(kUrl, AnswerOf(body_, "\"e\"")); }

  absl::Status Run(int tries = 3) {
    DownloadOptions options;
    options.retry.tries = tries;
    options.part_bytes = kPart;
    Transfer transfer(
        options, {http_, connections_, space_, clock_}, {.url = kUrl},
        contents_,
        [this](const Progress& progress) {
          most_connections_ = std::max(most_connections_, progress.connections);
          phases_.insert(progress.phase);
          if (on_progress_) on_progress_(progress);
        },
        stop_.get_token());
    const absl::Status status = transfer.Run();
    result_ = transfer.TakeResult();
    return status;
  }

  void ExpectAll(const std::string& body) {
    EXPECT_TRUE(contents_.complete());
    EXPECT_EQ(contents_.FinishDigest(), Sha256Hex(body));
  }

  const std::string body_ = Body('a');
  TempDir dir_;
  Partial partial_ = *Partial::Open(dir_.Below("partial"), kUrl, {});
  Space space_{{.path = dir_.path(), .min_free = 0}};
  Contents contents_{partial_, space_};
  FakeHttpTransport http_;
  FakeClock clock_;
  ConnectionBudget connections_{{}};
  std::stop_source stop_;
  int most_connections_ = 0;
  std::set<Progress::Phase> phases_;
  ProgressFn on_progress_;
  Downloaded result_;
};

TEST_F(TransferTest, SeveralConnectionsBringTheObject) {
  FakeHttpTransport::Answer held = AnswerOf(body_, "\"e\"");
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
  ConnectionBudget::Hold others[] = {connections_.TakeFirst("h.org"),
                                     connections_.TakeFirst("h.org")};
  ConnectionBudget two({.per_object = 2});
  Transfer transfer({.retry = {}, .part_bytes = kPart},
                    {http_, two, space_, clock_}, {.url = kUrl}, contents_,
                    [this](const Progress& progress) {
                      most_connections_ =
                          std::max(most_connections_, progress.connections);
                    },
                    {});
  ASSERT_TRUE(transfer.Run().ok());
  EXPECT_LE(most_connections_, 2);
  ExpectAll(body_);
}

TEST_F(TransferTest, BreaksCostNothingTwice) {
  FakeHttpTransport::Answer broken = AnswerOf(body_, "\"e\"");
  for (int i = 0; i < 30; ++i) broken.cuts.push_back(i % 3 == 0 ? 70'000 : 10);
  http_.Set(kUrl, broken);
  ASSERT_TRUE(Run(/*tries=*/50).ok());
  ExpectAll(body_);
}

TEST_F(TransferTest, AChangeOnTheWayBeginsAnew) {
  const std::string other = Body('b');
  on_progress_ = [&](const Progress&) {
    http_.Set(kUrl, AnswerOf(other, "\"f\""));
  };
  FakeHttpTransport::Answer held = AnswerOf(body_, "\"e\"");
  held.held = true;
  http_.Set(kUrl, held);
  ASSERT_TRUE(Run().ok());
  ExpectAll(other);
  EXPECT_TRUE(result_.changed);
  EXPECT_FALSE(result_.resumed);
}

TEST_F(TransferTest, ALimitIsWaitedForAndTold) {
  FakeHttpTransport::Answer limits;
  limits.response.status = 429;
  limits.response.headers["retry-after"] = "90";
  http_.Set(kUrl, limits);
  const absl::Time begin = clock_.Now();
  EXPECT_EQ(ReasonOf(Run()), Reason::kRateLimited);
  EXPECT_EQ(clock_.Now() - begin, absl::Seconds(180));
}

TEST_F(TransferTest, AHostThatStandsFewerConnectionsGetsFewer) {
  // The first one opens; of the others some are refused.
  class Strict final : public HttpTransport {
   public:
    explicit Strict(HttpTransport& http) : http_(http) {}
    absl::Status Fetch(const HttpRequest& request, HttpHandler& handler,
                       std::stop_token stop) override {
      {
        MutexLock lock(mutex_);
        if (++now_ > 1) {
          --now_;
          HttpResponse refusal;
          refusal.status = 403;
          return handler.OnResponse(refusal);
        }
      }
      absl::Status status = http_.Fetch(request, handler, stop);
      MutexLock lock(mutex_);
      --now_;
      return status;
    }

   private:
    HttpTransport& http_;
    Mutex mutex_;
    int now_ ABSL_GUARDED_BY(mutex_) = 0;
  };
  Strict strict(http_);
  Transfer transfer({.retry = {}, .part_bytes = kPart},
                    {strict, connections_, space_, clock_}, {.url = kUrl},
                    contents_, [](const Progress&) {}, {});
  const absl::Status status = transfer.Run();
  ASSERT_TRUE(status.ok()) << status;
  ExpectAll(body_);
}

TEST_F(TransferTest, AFailureForRangesOnlyIsNone) {
  class NoRanges final : public HttpTransport {
   public:
    explicit NoRanges(HttpTransport& http) : http_(http) {}
    absl::Status Fetch(const HttpRequest& request, HttpHandler& handler,
                       std::stop_token stop) override {
      if (request.headers.empty()) return http_.Fetch(request, handler, stop);
      HttpResponse failure;
      failure.status = 500;
      return handler.OnResponse(failure);
    }

   private:
    HttpTransport& http_;
  };
  NoRanges http(http_);
  Transfer transfer({.retry = {}, .part_bytes = kPart},
                    {http, connections_, space_, clock_}, {.url = kUrl},
                    contents_, [](const Progress&) {}, {});
  ASSERT_TRUE(transfer.Run().ok());
  ExpectAll(body_);
}

TEST_F(TransferTest, AnOutageCostsNothingOfWhatIsThere) {
  FakeHttpTransport::Answer broken = AnswerOf(body_, "\"e\"");
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
  for (const HttpRequest& request : http_.requests()) {
    EXPECT_FALSE(request.headers.empty()) << "all was asked for";
  }
}

TEST_F(TransferTest, OneConnectionTooManyIsNoFailure) {
  // Beside the one that opens, every other is told to come back much later.
  class Limited final : public HttpTransport {
   public:
    explicit Limited(HttpTransport& http) : http_(http) {}
    absl::Status Fetch(const HttpRequest& request, HttpHandler& handler,
                       std::stop_token stop) override {
      {
        MutexLock lock(mutex_);
        if (now_ > 0) {
          refused_.NotifyAll();
          HttpResponse refusal;
          refusal.status = 429;
          refusal.headers["retry-after"] = "3600";
          ++refusals_;
          return handler.OnResponse(refusal);
        }
        ++now_;
      }
      Between between(handler, *this);
      absl::Status status = http_.Fetch(request, between, stop);
      MutexLock lock(mutex_);
      --now_;
      return status;
    }

   private:
    // Of the first answer the body comes after somebody was refused.
    class Between final : public HttpHandler {
     public:
      Between(HttpHandler& to, Limited& limited) : to_(to), limited_(limited) {}
      absl::Status OnResponse(const HttpResponse& response) override {
        return to_.OnResponse(response);
      }
      absl::Status OnBody(absl::string_view bytes) override {
        MutexLock lock(limited_.mutex_);
        while (limited_.refusals_ == 0) {
          limited_.refused_.Wait(limited_.mutex_);
        }
        return to_.OnBody(bytes);
      }

     private:
      HttpHandler& to_;
      Limited& limited_;
    };

    HttpTransport& http_;
    Mutex mutex_;
    CondVar refused_;
    int now_ ABSL_GUARDED_BY(mutex_) = 0;
    int refusals_ ABSL_GUARDED_BY(mutex_) = 0;
  };
  Limited limited(http_);
  Transfer transfer({.retry = {}, .part_bytes = kPart},
                    {limited, connections_, space_, clock_}, {.url = kUrl},
                    contents_, [](const Progress&) {}, {});
  const absl::Status status = transfer.Run();
  ASSERT_TRUE(status.ok()) << status;
  ExpectAll(body_);
}

TEST_F(TransferTest, AStopEndsAllLanes) {
  FakeHttpTransport::Answer held = AnswerOf(body_, "\"e\"");
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
