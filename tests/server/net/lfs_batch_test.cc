#include "server/net/lfs_batch.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/status.h"
#include "tests/testing/fake_http_transport.h"

namespace hubd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr char kRepo[] = "https://git.example.org/o/r";
constexpr char kUrl[] =
    "https://git.example.org/o/r.git/info/lfs/objects/batch";
const std::string kOne(64, '1');
const std::string kTwo(64, '2');

class LfsBatchTest : public ::testing::Test {
 protected:
  using Answer = absl::StatusOr<std::vector<absl::StatusOr<HttpRequest>>>;

  Answer Ask() { return AskLfsBatch(http_, kRepo, {{kOne, 5}, {kTwo, 7}}, {}); }
  // What is said of kOne, where kTwo can be had.
  absl::StatusOr<HttpRequest> Ask(const std::string& one) {
    Serve(
        absl::StrCat(R"({"objects": [{"oid": ")", kTwo,
                     R"(", "actions": {"download": {"href": "https://h/2"}}},)",
                     R"({"oid": ")", kOne, "\"", one, "}]}"));
    HUBD_ASSIGN_OR_RETURN(auto answers, Ask());
    EXPECT_EQ(answers[1]->url, "https://h/2");
    return std::move(answers[0]);
  }
  void Serve(const std::string& body,
             const std::string& type = "application/vnd.git-lfs+json") {
    http_.Serve(kUrl, body, {{"content-type", type}});
  }

  FakeHttpTransport http_;
};

TEST_F(LfsBatchTest, AsksAsTheProtocolWants) {
  Serve(R"({"objects": []})");
  ASSERT_TRUE(Ask().ok());
  const HttpRequest request = http_.requests().front();
  EXPECT_EQ(request.method, "POST");
  EXPECT_TRUE(request.post_again);
  EXPECT_THAT(request.headers,
              ElementsAre("Accept: application/vnd.git-lfs+json",
                          "Content-Type: application/vnd.git-lfs+json"));
  EXPECT_EQ(
      request.body,
      absl::StrCat(R"({"operation":"download","transfers":["basic"],)"
                   R"("hash_algo":"sha256","objects":[{"oid":")",
                   kOne, R"(","size":5},{"oid":")", kTwo, R"(","size":7}]})"));
}

TEST_F(LfsBatchTest, GivesTheRequestThatDownloads) {
  const auto request = Ask(
      R"(, "size": 5, "authenticated": true, "more": [1], "error": null,
         "actions": {"download": {"href": "https://h/1?signed=x",
           "expires_in": 60, "header": {"Authorization": "Basic abc",
             "X-Amz-Date": "now", "Host": "elsewhere", "Range": "bytes=1-",
             "Empty": "", "Proxy-Authorization": "x"}}})");
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->method, "GET");
  EXPECT_EQ(request->url, "https://h/1?signed=x");
  EXPECT_THAT(request->headers,
              testing::UnorderedElementsAre("Authorization: Basic abc",
                                            "X-Amz-Date: now"));
  EXPECT_FALSE(request->from_public);
}

TEST_F(LfsBatchTest, WhatAPublicHostNamesIsMarked) {
  FakeHttpTransport::Answer answer;
  answer.response.status = 200;
  answer.response.from_public = true;
  answer.response.headers = {{"content-type", "application/json"}};
  answer.body =
      absl::StrCat(R"({"objects": [{"oid": ")", kOne,
                   R"(", "actions": {"download": {"href": "https://h/1"}}}]})");
  http_.Set(kUrl, answer);
  const Answer answers = Ask();
  ASSERT_TRUE(answers.ok()) << answers.status();
  EXPECT_TRUE(answers->front()->from_public);
}

TEST_F(LfsBatchTest, SendsNoHeaderThatBreaksTheLine) {
  for (const char* header :
       {R"({"X": "a\r\nHost: b"})", R"({"X\nY": "a"})", R"({"X: Y": "a"})",
        R"({"": "a"})", R"({"X": "\u0000"})"}) {
    const auto request =
        Ask(absl::StrCat(R"(, "actions": {"download": {"href": "https://h/1",
                            "header": )",
                         header, "}}"));
    EXPECT_EQ(ReasonOf(request.status()), Reason::kUpstreamUnavailable)
        << header;
  }
}

TEST_F(LfsBatchTest, TellsWhatIsNotToBeHadFromWhatFailsForAWhile) {
  for (int code : {401, 403, 404, 410, 422, 501}) {
    const auto request = Ask(absl::StrCat(R"(, "error": {"code": )", code,
                                          R"(, "message": "no\u001b[31m"})"));
    EXPECT_TRUE(IsLfsRefusal(request.status())) << code << request.status();
    EXPECT_THAT(std::string(request.status().message()),
                HasSubstr(absl::StrCat("HTTP ", code)));
  }
  EXPECT_TRUE(IsLfsRefusal(Ask("").status()));
  EXPECT_TRUE(IsLfsRefusal(Ask(R"(, "actions": {})").status()));
  for (int code : {0, 200, 408, 500, 503, 507}) {
    const auto status =
        Ask(absl::StrCat(R"(, "error": {"code": )", code, "}")).status();
    EXPECT_EQ(ReasonOf(status), Reason::kUpstreamUnavailable) << code;
    EXPECT_FALSE(IsLfsRefusal(status)) << code;
  }
  EXPECT_EQ(ReasonOf(Ask(R"(, "error": {"code": 429})").status()),
            Reason::kRateLimited);
}

TEST_F(LfsBatchTest, TellsAHostWithoutAnLfsServer) {
  for (int status : {400, 401, 403, 404, 405, 406, 410, 415, 422, 501}) {
    FakeHttpTransport::Answer answer;
    answer.response.status = status;
    http_.Set(kUrl, answer);
    EXPECT_TRUE(IsLfsRefusal(Ask().status())) << status << Ask().status();
  }
  for (int status : {408, 425, 429, 500, 502, 503, 504}) {
    FakeHttpTransport::Answer answer;
    answer.response.status = status;
    http_.Set(kUrl, answer);
    EXPECT_FALSE(Ask().ok());
    EXPECT_FALSE(IsLfsRefusal(Ask().status())) << status;
  }
  Serve("<html></html>", "text/html");
  EXPECT_TRUE(IsLfsRefusal(Ask().status()));
}

TEST_F(LfsBatchTest, FailsWhereTheAnswerIsNone) {
  const std::string long_body =
      R"({"objects": [], "x": ")" + std::string(5 << 20, 'x') + "\"}";
  for (const std::string& body :
       {std::string(), std::string("[]"), std::string(R"({"objects": 5})"),
        std::string(R"({"objects": [)"), std::string(1000, '['),
        std::string(R"({"transfer": "tus", "objects": []})"), long_body}) {
    Serve(body);
    const absl::Status status = Ask().status();
    EXPECT_EQ(ReasonOf(status), Reason::kUpstreamUnavailable)
        << body.substr(0, 100);
    EXPECT_FALSE(IsLfsRefusal(status));
  }
  Serve(R"({"objects": []})");
  const Answer left_out = Ask();
  ASSERT_THAT(*left_out, SizeIs(2));
  EXPECT_EQ(ReasonOf((*left_out)[0].status()), Reason::kUpstreamUnavailable);
}

}  // namespace
}  // namespace hubd
