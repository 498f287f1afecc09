#include "server/fetch/retry.h"

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/base/status.h"

namespace hubd {
namespace {

absl::Status Unavailable(const std::string& cause) {
  return ReasonError(Reason::kUpstreamUnavailable, cause, {{"cause", cause}});
}

// As ErrorOfResponse tells of an answer.
absl::Status Answered(int http_status, const Metadata& more = {}) {
  Metadata metadata = {{"cause", "status"},
                       {"http_status", absl::StrCat(http_status)}};
  metadata.insert(more.begin(), more.end());
  return ReasonError(Reason::kUpstreamUnavailable, "the server answered",
                     metadata);
}

absl::Status Limited(int64_t ms) {
  return ReasonError(
      Reason::kRateLimited, "the server limits requests",
      {{"http_status", "429"}, {"retry_after_ms", absl::StrCat(ms)}});
}

// One whose draws are all the same.
Retry RetryOf(const RetryOptions& options, double drawn) {
  return Retry(options, [drawn] { return drawn; });
}

TEST(IsTransientTest, TellsWhatMayBeGoneTheNextTime) {
  const struct {
    absl::Status failure;
    bool transient;
  } kCases[] = {
      {Unavailable("dns"), true},
      {Unavailable("connect"), true},
      {Unavailable("timeout"), true},
      {Unavailable("stall"), true},
      {Unavailable("cut"), true},
      {Unavailable("tls"), false},
      {Unavailable("redirect"), false},
      {Unavailable("headers"), false},
      {Unavailable("protocol"), false},
      {Unavailable("page"), false},
      {Unavailable("status"), false},
      {Unavailable(""), false},
      {ReasonError(Reason::kUpstreamUnavailable, "no metadata"), false},
      {Answered(302), false},
      {Answered(416), false},
      {Answered(418), false},
      {Answered(499), false},
      {Answered(500), true},
      {Answered(502), true},
      {Answered(503, {{"retry_after_ms", "5"}}), true},
      {Answered(599), true},
      {Answered(600), false},
      {Limited(5), true},
      {ReasonError(Reason::kRateLimited, "no metadata"), true},
      {ReasonError(Reason::kUpstreamForbidden, "no", {{"http_status", "403"}}),
       false},
      {ReasonError(Reason::kCheckpointNotFound, "no", {{"http_status", "404"}}),
       false},
      {ReasonError(Reason::kUrlNotAllowed, "no"), false},
      {ReasonError(Reason::kDigestMismatch, "other bytes"), false},
      {ReasonError(Reason::kDiskFull, "full"), false},
      {ReasonError(Reason::kDraining, "draining"), false},
      // The words count only with the reason.
      {ReasonError(Reason::kDiskFull, "full", {{"cause", "cut"}}), false},
      {absl::UnavailableError("no reason"), false},
      {absl::CancelledError("cancelled"), false},
      {absl::InternalError("internal"), false},
      {absl::OkStatus(), false},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(IsTransient(c.failure), c.transient)
        << c.failure << " " << ::testing::PrintToString(MetadataOf(c.failure));
  }
}

TEST(RetryTest, TheBoundDoublesUpToTheCap) {
  const struct {
    double drawn;
    std::vector<int> waits_ms;
  } kCases[] = {
      {0, {0, 0, 0, 0, 0, 0}},
      {0.5, {50, 100, 200, 400, 500, 500}},
      {0.75, {75, 150, 300, 600, 750, 750}},
  };
  RetryOptions options;
  options.tries = 7;
  options.base = absl::Milliseconds(100);
  options.cap = absl::Seconds(1);
  for (const auto& c : kCases) {
    Retry retry = RetryOf(options, c.drawn);
    for (int ms : c.waits_ms) {
      const auto wait = retry.After(Unavailable("cut"));
      ASSERT_TRUE(wait.ok()) << wait.status();
      EXPECT_EQ(*wait, absl::Milliseconds(ms));
    }
    EXPECT_EQ(retry.After(Unavailable("cut")).status(), Unavailable("cut"));
  }
}

TEST(RetryTest, ABaseBeyondTheCapIsTheCap) {
  RetryOptions options;
  options.base = absl::Seconds(100);
  options.cap = absl::Seconds(4);
  EXPECT_EQ(RetryOf(options, 0.5).After(Unavailable("cut")).value(),
            absl::Seconds(2));
}

TEST(RetryTest, ManyTriesWaitNoLongerThanTheCap) {
  RetryOptions options;
  options.tries = 1'000'000;
  Retry retry = RetryOf(options, 0.5);
  for (int i = 1; i < 100'000; ++i)
    ASSERT_TRUE(retry.After(Answered(500)).ok());
  EXPECT_EQ(retry.After(Answered(500)).value(), options.cap / 2);
}

TEST(RetryTest, DrawsForEachTry) {
  double drawn = 0;
  Retry retry(RetryOptions(), [&] { return drawn += 0.25; });
  EXPECT_EQ(retry.After(Answered(500)).value(), absl::Milliseconds(25));
  EXPECT_EQ(retry.After(Answered(500)).value(), absl::Milliseconds(100));
  EXPECT_EQ(retry.After(Answered(500)).value(), absl::Milliseconds(300));
}

TEST(RetryTest, TheLastTryIsFinalAndTheFailureIsItsOwn) {
  for (int tries : {1, 2, 5}) {
    RetryOptions options;
    options.tries = tries;
    Retry retry = RetryOf(options, 0.5);
    for (int i = 1; i < tries; ++i) {
      EXPECT_TRUE(retry.After(Unavailable("dns")).ok()) << tries << " " << i;
    }
    EXPECT_EQ(retry.After(Answered(503)).status(), Answered(503)) << tries;
    EXPECT_EQ(retry.After(Answered(503)).status(), Answered(503)) << tries;
  }
}

TEST(RetryTest, ProgressGivesAllTriesAgain) {
  RetryOptions options;
  options.tries = 3;
  Retry retry = RetryOf(options, 0.5);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(retry.After(Unavailable("cut")).value(), absl::Milliseconds(50));
    EXPECT_EQ(retry.After(Unavailable("cut")).value(), absl::Milliseconds(100));
    retry.NoteProgress();
    EXPECT_EQ(retry.After(Unavailable("cut")).value(), absl::Milliseconds(50));
  }
  Retry once = RetryOf({.tries = 1}, 0.5);
  once.NoteProgress();
  EXPECT_TRUE(once.After(Unavailable("cut")).ok());
  EXPECT_FALSE(once.After(Unavailable("cut")).ok());
}

TEST(RetryTest, WaitsAsLongAsTheOriginAsksOrLonger) {
  RetryOptions options;
  options.max_asked = absl::Seconds(120);
  const struct {
    absl::Status failure;
    absl::Duration wait;
  } kCases[] = {
      {Limited(0), absl::Milliseconds(50)},
      {Limited(20), absl::Milliseconds(50)},
      {Limited(51), absl::Milliseconds(51)},
      {Limited(-5000), absl::Milliseconds(50)},
      {Limited(120'000), absl::Seconds(120)},
      {Answered(503, {{"retry_after_ms", "3000"}}), absl::Seconds(3)},
      {Answered(503, {{"retry_after_ms", "soon"}}), absl::Milliseconds(50)},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(RetryOf(options, 0.5).After(c.failure).value(), c.wait)
        << c.failure;
  }
}

TEST(RetryTest, AWaitBeyondWhatMayBeAskedIsFinal) {
  RetryOptions options;
  options.max_asked = absl::Seconds(120);
  for (const absl::Status& failure :
       {Limited(120'001), Limited(INT64_MAX),
        Answered(503, {{"retry_after_ms", "600000"}})}) {
    EXPECT_EQ(RetryOf(options, 0.5).After(failure).status(), failure);
  }
}

}  // namespace
}  // namespace hubd
