#include "server/net/http_transport.h"

#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/status.h"

namespace hubd {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kUrl[] = "https://github.com/o/r?token=secret";

absl::Status ErrorOf(int status,
                     std::map<std::string, std::string> headers = {},
                     const std::string& url = kUrl) {
  HttpResponse response;
  response.status = status;
  response.headers = std::move(headers);
  return ErrorOfResponse(response, url, Reason::kCheckpointNotFound);
}

int64_t WaitOf(const absl::Status& status) {
  int64_t ms = -1;
  EXPECT_TRUE(absl::SimpleAtoi(MetadataOf(status)["retry_after_ms"], &ms))
      << status;
  return ms;
}

TEST(IsEncodedTest, OtherFormsThanTheObjectsOwn) {
  HttpResponse response;
  EXPECT_FALSE(IsEncoded(response));
  for (const auto& [encoding, encoded] :
       {std::pair("", false), std::pair("identity", false),
        std::pair("Identity", false), std::pair("gzip", true),
        std::pair("identity, gzip", true)}) {
    response.headers["content-encoding"] = encoding;
    EXPECT_EQ(IsEncoded(response), encoded) << encoding;
  }
}

TEST(ErrorOfResponseTest, GivesEachStatusItsReason) {
  const struct {
    int status;
    std::map<std::string, std::string> headers;
    Reason reason;
  } kCases[] = {
      {404, {}, Reason::kCheckpointNotFound},
      {410, {}, Reason::kCheckpointNotFound},
      {401, {}, Reason::kUpstreamForbidden},
      {403, {}, Reason::kUpstreamForbidden},
      {403, {{"x-ratelimit-remaining", "12"}}, Reason::kUpstreamForbidden},
      {403, {{"x-ratelimit-remaining", "0"}}, Reason::kRateLimited},
      {403, {{"retry-after", "5"}}, Reason::kRateLimited},
      {429, {}, Reason::kRateLimited},
      {500, {}, Reason::kUpstreamUnavailable},
      {503, {}, Reason::kUpstreamUnavailable},
      {302, {}, Reason::kUpstreamUnavailable},
      {418, {}, Reason::kUpstreamUnavailable},
  };
  for (const auto& c : kCases) {
    absl::Status status = ErrorOf(c.status, c.headers);
    EXPECT_EQ(ReasonOf(status), c.reason) << status;
    EXPECT_THAT(
        std::string(status.message()),
        AllOf(HasSubstr("https://github.com/o/r"),
              HasSubstr(absl::StrCat(c.status)), Not(HasSubstr("secret"))));
    EXPECT_EQ(MetadataOf(status)["url"], "https://github.com/o/r");
    EXPECT_EQ(MetadataOf(status)["http_status"], absl::StrCat(c.status));
  }
}

TEST(ErrorOfResponseTest, SaysHowLongToWait) {
  EXPECT_EQ(WaitOf(ErrorOf(429, {{"retry-after", "7"}})), 7000);
  EXPECT_EQ(WaitOf(ErrorOf(429)), 60000);
  EXPECT_EQ(WaitOf(ErrorOf(429, {{"retry-after", "-7"}})), 0);
  EXPECT_EQ(WaitOf(ErrorOf(503, {{"retry-after", "9"}})), 9000);
  const absl::Time later = absl::Now() + absl::Seconds(1000);
  const std::string date =
      absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", later, absl::UTCTimeZone());
  EXPECT_NEAR(WaitOf(ErrorOf(429, {{"retry-after", date}})), 1000000, 60000);
  EXPECT_NEAR(
      WaitOf(ErrorOf(403, {{"x-ratelimit-remaining", "0"},
                           {"x-ratelimit-reset",
                            absl::StrCat(absl::ToUnixSeconds(later))}})),
      1000000, 60000);
}

TEST(ErrorOfResponseTest, NamesATokenOnlyWhereGithubHeedsIt) {
  auto message = [](const char* url) {
    return std::string(ErrorOf(429, {}, url).message());
  };
  EXPECT_THAT(message("https://api.github.com/x"), HasSubstr("GITHUB_TOKEN"));
  EXPECT_THAT(message("https://raw.githubusercontent.com/x"),
              HasSubstr("GITHUB_TOKEN"));
  EXPECT_THAT(message("https://notgithub.com/x"),
              Not(HasSubstr("GITHUB_TOKEN")));
  EXPECT_THAT(message("https://huggingface.co/x"),
              Not(HasSubstr("GITHUB_TOKEN")));
}

}  // namespace
}  // namespace hubd
