#include "server/fetch/exchange.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "server/store/space.h"
#include "tests/server/base/temp_dir.h"
#include "tests/testing/fake_clock.h"

namespace hubd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Verdict = Exchange::Verdict;

constexpr int64_t kPart = 1000;
constexpr int64_t kSize = 10 * kPart;

class Log final : public Exchange::Listener {
 public:
  void OnOpened(const HttpResponse& response, bool has_ranges) override {
    opened = response.status;
    ranges = has_ranges;
  }
  void OnReceived(int64_t bytes, bool costs_all) override {
    received += bytes;
    costly = costs_all;
  }

  int opened = 0;
  bool ranges = false;
  int64_t received = 0;
  bool costly = false;
};

class ExchangeTest : public testing::Test {
 protected:
  static HttpResponse Response(int status,
                               std::map<std::string, std::string> headers = {},
                               int64_t length = -1) {
    HttpResponse response;
    response.status = status;
    response.headers = std::move(headers);
    response.content_length = length;
    return response;
  }

  static HttpResponse RangeOf(int64_t begin, int64_t end, int64_t size,
                              const std::string& etag) {
    return Response(206,
                    {{"content-range",
                      absl::StrCat("bytes ", begin, "-", end - 1, "/", size)},
                     {"etag", etag}},
                    end - begin);
  }

  // As of an object of which nothing is known.
  static Ask First() { return {.range = ByteRange{0, 4 * kPart}}; }

  // As of an object of which the first part is there.
  Ask Further(bool opens) {
    EXPECT_TRUE(
        contents_
            .Restart(Ledger{options_.url, "\"e\"", kSize, kPart, {}}, kSize)
            .ok());
    std::optional<Contents::Span> first = contents_.Take(1);
    EXPECT_TRUE(contents_.Write(*first, std::string(kPart, 'a')).ok());
    Ask ask{.opens = opens, .object = contents_.object()};
    ask.span = contents_.Take(2 * kPart);
    ask.range = ask.span->rest;
    return ask;
  }

  TempDir dir_;
  Partial partial_ =
      *Partial::Open(dir_.Below("partial"), "https://h.org/w", {});
  Space space_{{.path = dir_.path(), .min_free = 0}};
  FakeClock clock_;
  Contents contents_{partial_, space_, clock_};
  Exchange::Options options_{.url = "https://h.org/w",
                             .conditions = {},
                             .connect_timeout = {},
                             .part_bytes = kPart};
  Log log_;
};

TEST_F(ExchangeTest, AsksForWhatIsMissing) {
  options_.conditions = {"If-None-Match: \"d\""};
  const Ask all;
  EXPECT_THAT(Exchange(options_, all, contents_, log_).Request().headers,
              ElementsAre("If-None-Match: \"d\""));
  const Ask first = First();
  const HttpRequest request =
      Exchange(options_, first, contents_, log_).Request();
  EXPECT_THAT(request.headers,
              ElementsAre("If-None-Match: \"d\"", "Range: bytes=0-3999"));
  EXPECT_TRUE(request.http1);
  const Ask further = Further(/*opens=*/false);
  EXPECT_THAT(Exchange(options_, further, contents_, log_).Request().headers,
              ElementsAre("Range: bytes=1000-2999", "If-Range: \"e\""));
}

TEST_F(ExchangeTest, TheFirstRangeTellsOfTheObject) {
  const Ask ask = First();
  Exchange exchange(options_, ask, contents_, log_);
  ASSERT_TRUE(exchange.OnResponse(RangeOf(0, 4000, kSize, "\"e\"")).ok());
  EXPECT_TRUE(log_.ranges);
  EXPECT_EQ(contents_.object()->size, kSize);
  EXPECT_EQ(contents_.free_bytes(), kSize - 4000);
  ASSERT_TRUE(exchange.OnBody(std::string(4000, 'x')).ok());
  EXPECT_FALSE(log_.costly);
  EXPECT_TRUE(exchange.Finish(absl::OkStatus()).ok());
  EXPECT_EQ(contents_.done_bytes(), 4000);
}

TEST_F(ExchangeTest, AWholeObjectNeedsNoValidator) {
  const Ask ask = First();
  Exchange exchange(options_, ask, contents_, log_);
  ASSERT_TRUE(exchange.OnResponse(RangeOf(0, 5, 5, "W/\"e\"")).ok());
  EXPECT_FALSE(log_.ranges);
  ASSERT_TRUE(exchange.OnBody("12345").ok());
  EXPECT_TRUE(log_.costly);
  EXPECT_TRUE(exchange.Finish(absl::OkStatus()).ok());
}

TEST_F(ExchangeTest, FirstRangesThatCannotBeUsedAreNotTaken) {
  const HttpResponse kResponses[] = {
      RangeOf(0, 4000, kSize, "W/\"e\""),
      RangeOf(0, 4000, kSize, ""),
      RangeOf(1, 4000, kSize, "\"e\""),
      RangeOf(0, 3999, kSize, "\"e\""),
      RangeOf(0, 4001, kSize, "\"e\""),
      Response(206, {{"etag", "\"e\""}}),
      Response(400),
      Response(412),
      Response(416),
      Response(501),
  };
  for (const HttpResponse& response : kResponses) {
    const Ask ask = First();
    Exchange exchange(options_, ask, contents_, log_);
    EXPECT_FALSE(exchange.OnResponse(response).ok());
    EXPECT_EQ(exchange.verdict(), Verdict::kNoRange) << response.status;
    EXPECT_FALSE(exchange.met_other());
  }
  EXPECT_EQ(log_.opened, 0);
}

TEST_F(ExchangeTest, OtherStatusesAreErrors) {
  const std::pair<int, Reason> kCases[] = {
      {401, Reason::kUpstreamForbidden},   {403, Reason::kUpstreamForbidden},
      {404, Reason::kCheckpointNotFound},  {429, Reason::kRateLimited},
      {500, Reason::kUpstreamUnavailable}, {304, Reason::kUpstreamUnavailable}};
  for (const auto& [status, reason] : kCases) {
    const Ask ask = First();
    Exchange exchange(options_, ask, contents_, log_);
    EXPECT_EQ(ReasonOf(exchange.OnResponse(Response(status))), reason)
        << status;
    EXPECT_EQ(exchange.verdict(), Verdict::kTaken);
  }
}

TEST_F(ExchangeTest, AllInPlaceOfTheFirstRangeIsTaken) {
  const Ask ask = First();
  Exchange exchange(options_, ask, contents_, log_);
  ASSERT_TRUE(
      exchange.OnResponse(Response(200, {{"etag", "\"e\""}}, kSize)).ok());
  EXPECT_FALSE(log_.ranges);
  EXPECT_FALSE(exchange.met_other());
  EXPECT_EQ(contents_.free_bytes(), 0);
  ASSERT_TRUE(exchange.OnBody(std::string(10, 'x')).ok());
  // It may be gone on with by a range.
  EXPECT_FALSE(log_.costly);
  EXPECT_EQ(MetadataOf(exchange.Finish(absl::OkStatus()))["cause"], "cut");
  EXPECT_EQ(contents_.free_bytes(), kSize - 10);
}

TEST_F(ExchangeTest, WithoutALengthTheEndIsTheEnd) {
  const Ask ask = First();
  Exchange exchange(options_, ask, contents_, log_);
  ASSERT_TRUE(exchange.OnResponse(Response(200)).ok());
  ASSERT_TRUE(exchange.OnBody("123").ok());
  EXPECT_TRUE(log_.costly);
  EXPECT_TRUE(exchange.Finish(absl::OkStatus()).ok());
  EXPECT_EQ(contents_.done_bytes(), 3);
}

TEST_F(ExchangeTest, FurtherRangesMustBeOfTheSameObject) {
  const struct {
    HttpResponse response;
    Verdict verdict;
    bool changed;
  } kCases[] = {
      {RangeOf(1000, 3000, kSize, "\"f\""), Verdict::kOther, true},
      {RangeOf(1000, 3000, kSize, ""), Verdict::kOther, false},
      {RangeOf(1000, 3000, kSize + 1, "\"e\""), Verdict::kOther, false},
      {RangeOf(1000, 2000, kSize, "\"e\""), Verdict::kNoRange, false},
      {RangeOf(0, 2000, kSize, "\"e\""), Verdict::kNoRange, false},
      {Response(200, {{"etag", "\"f\""}}, 7), Verdict::kOther, true},
      {Response(416), Verdict::kNoRange, false},
      {Response(501), Verdict::kNoRange, false},
  };
  for (const auto& [response, verdict, changed] : kCases) {
    const Ask ask = Further(/*opens=*/false);
    Exchange exchange(options_, ask, contents_, log_);
    EXPECT_FALSE(exchange.OnResponse(response).ok());
    EXPECT_EQ(exchange.verdict(), verdict) << response.status;
    EXPECT_TRUE(exchange.met_other());
    EXPECT_EQ(exchange.changed(), changed) << response.status;
    (void)exchange.Finish(absl::AbortedError(""));
    // What is there stays, until another beginning.
    EXPECT_EQ(contents_.done_bytes(), kPart);
    EXPECT_EQ(contents_.free_bytes(), kSize - kPart);
  }
}

TEST_F(ExchangeTest, ARefusalThatMayPassIsAnErrorOfItsOwn) {
  const std::pair<int, Reason> kCases[] = {{403, Reason::kUpstreamForbidden},
                                           {408, Reason::kUpstreamUnavailable}};
  for (const auto& [status, reason] : kCases) {
    for (const bool opens : {false, true}) {
      const Ask ask = Further(opens);
      Exchange exchange(options_, ask, contents_, log_);
      EXPECT_EQ(ReasonOf(exchange.OnResponse(Response(status))), reason);
      EXPECT_EQ(exchange.verdict(), Verdict::kRefused);
      EXPECT_FALSE(exchange.met_other());
    }
  }
}

TEST_F(ExchangeTest, WhatOpensTakesAllInPlaceOfTheRest) {
  const Ask ask = Further(/*opens=*/true);
  Exchange exchange(options_, ask, contents_, log_);
  ASSERT_TRUE(exchange.OnResponse(Response(200, {{"etag", "\"f\""}}, 7)).ok());
  EXPECT_TRUE(exchange.met_other() && exchange.changed());
  ASSERT_TRUE(exchange.OnBody("1234567").ok());
  EXPECT_TRUE(exchange.Finish(absl::OkStatus()).ok());
  EXPECT_TRUE(contents_.complete());
  EXPECT_EQ(contents_.object()->validator, "\"f\"");
}

TEST_F(ExchangeTest, ABreakBehindTheLastByteIsNone) {
  const absl::Status cut =
      ReasonError(Reason::kUpstreamUnavailable, "cut", {{"cause", "cut"}});
  const Ask ask = Further(/*opens=*/false);
  Exchange exchange(options_, ask, contents_, log_);
  ASSERT_TRUE(exchange.OnResponse(RangeOf(1000, 3000, kSize, "\"e\"")).ok());
  ASSERT_TRUE(exchange.OnBody(std::string(2000, 'b')).ok());
  EXPECT_TRUE(exchange.Finish(cut).ok());
}

TEST_F(ExchangeTest, NothingChanged) {
  const Ask ask = First();
  EXPECT_FALSE(
      Exchange(options_, ask, contents_, log_).OnResponse(Response(304)).ok());
  options_.conditions = {"If-None-Match: \"d\""};
  Exchange exchange(options_, ask, contents_, log_);
  ASSERT_TRUE(exchange.OnResponse(Response(304)).ok());
  EXPECT_TRUE(exchange.OnBody("unasked for").ok());
  EXPECT_TRUE(exchange.Finish(absl::OkStatus()).ok());
  EXPECT_EQ(exchange.verdict(), Verdict::kUnchanged);
  EXPECT_EQ(log_.received, 0);
}

TEST_F(ExchangeTest, WhatFailedHalfWayIsNotWrittenAgain) {
  const Ask ask = Further(/*opens=*/false);
  Exchange exchange(options_, ask, contents_, log_);
  ASSERT_TRUE(
      exchange.OnResponse(RangeOf(kPart, 3 * kPart, kSize, "\"e\"")).ok());
  // Two parts come at once, and the file may not grow into the second.
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small = {2 * kPart, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const absl::Status failure = exchange.OnBody(std::string(2 * kPart, 'b'));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_THAT(std::string(failure.message()), HasSubstr("cannot write"));
  EXPECT_EQ(exchange.Finish(failure), failure);
  EXPECT_EQ(contents_.done_bytes(), 2 * kPart);
  EXPECT_EQ(ReadFile(partial_.data_path())->size(), size_t{2 * kPart});
}

}  // namespace
}  // namespace hubd
