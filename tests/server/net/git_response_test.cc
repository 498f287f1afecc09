#include "server/net/git_response.h"

#include <optional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/status.h"
#include "tests/server/net/test_server.h"

namespace hubd {
namespace {

using ::testing::HasSubstr;

constexpr char kUrl[] = "https://git.example.org/o/r?token=secret";

TEST(GitResponseTest, TakesWhatIsOfTheType) {
  HttpResponse response;
  response.status = 200;
  response.headers = {
      {"content-type", std::string(kGitAdvertisementType) + "; charset=x"}};
  EXPECT_TRUE(CheckGitResponse(response, kUrl, kGitAdvertisementType).ok());
  EXPECT_FALSE(CheckGitResponse(response, kUrl, "application/x-other").ok());
}

TEST(GitResponseTest, SaysWhatAnythingElseMeans) {
  const struct {
    int status;
    const char* type;
    Reason reason;
    const char* said;
  } kCases[] = {
      {401, "", Reason::kRepoNotFound, "is private (HTTP 401)"},
      {404, kGitAdvertisementType, Reason::kRepoNotFound, "check the name"},
      {410, "", Reason::kRepoNotFound, "(HTTP 410)"},
      {403, "", Reason::kUpstreamForbidden, "403"},
      {429, "", Reason::kRateLimited, "429"},
      {500, "", Reason::kUpstreamUnavailable, "500"},
      {200, "text/html", Reason::kUpstreamUnavailable, "type \"text/html\""},
      {200, "", Reason::kUpstreamUnavailable, "without a type"},
  };
  for (const auto& c : kCases) {
    HttpResponse response;
    response.status = c.status;
    response.headers = {{"content-type", c.type}};
    const absl::Status status =
        CheckGitResponse(response, kUrl, kGitAdvertisementType);
    EXPECT_EQ(ReasonOf(status), c.reason) << c.status << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.said));
    EXPECT_EQ(status.ToString().find("secret"), std::string::npos) << status;
  }
}

TEST(GitResponseTest, KnowsWhereElseARepositoryMayBe) {
  const auto answer = [](int code) {
    HttpResponse response;
    response.status = code;
    return CheckGitResponse(response, "https://h/o/r", kGitAdvertisementType);
  };
  EXPECT_EQ(OtherAddress("https://h/g/o/r", answer(404)),
            "https://h/g/o/r.git");
  EXPECT_EQ(OtherAddress("https://h/o/r.git", answer(404)), "");
  EXPECT_EQ(OtherAddress("https://github.com/o/r", answer(404)), "");
  EXPECT_EQ(OtherAddress("https://h/o/r", answer(401)), "");
  EXPECT_EQ(OtherAddress("https://h/o/r", answer(503)), "");
  EXPECT_EQ(OtherAddress("https://h/o/r", absl::OkStatus()), "");
}

TEST(GitResponseTest, NamesUrlAndCause) {
  const absl::Status status = GitUnavailable(kUrl, "protocol", "it is mute");
  EXPECT_EQ(MetadataValue(status, "cause"), "protocol");
  EXPECT_EQ(MetadataValue(status, "url"), "https://git.example.org/o/r");
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("cannot read https://git.example.org/o/r by git: it "
                        "is mute"));
}

}  // namespace
}  // namespace hubd
