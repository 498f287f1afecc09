#include "server/net/caller_http.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/caller_environment.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "server/net/curl_transport.h"
#include "tests/server/net/test_server.h"

namespace hubd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kUrl[] = "https://github.com/o/r";

// Answers each request with the next status and, on 200, "hello".
class ScriptedHttp final : public HttpTransport {
 public:
  explicit ScriptedHttp(std::vector<int> statuses)
      : statuses_(std::move(statuses)) {}

  absl::Status Fetch(const HttpRequest& request, HttpHandler& handler,
                     std::stop_token) override {
    shown_.push_back(request.headers.empty() ? "nothing" : request.headers[0]);
    networks_.push_back(request.network);
    HttpResponse response;
    HUBD_CHECK(next_ < statuses_.size());
    response.status = statuses_[next_++];
    HUBD_RETURN_IF_ERROR(handler.OnResponse(response));
    return handler.OnBody("hello");
  }

  const std::vector<std::string>& shown() const { return shown_; }
  const std::vector<LentEnvironment>& networks() const { return networks_; }

 private:
  const std::vector<int> statuses_;
  size_t next_ = 0;
  std::vector<std::string> shown_;
  std::vector<LentEnvironment> networks_;
};

// Refuses what is no success, as those that ask for repositories do.
struct StrictHandler final : HttpHandler {
  absl::Status OnResponse(const HttpResponse& response) override {
    statuses.push_back(response.status);
    return response.status == 200
               ? absl::OkStatus()
               : ErrorOfResponse(response, kUrl, Reason::kRepoNotFound);
  }
  absl::Status OnBody(absl::string_view bytes) override {
    absl::StrAppend(&body, bytes);
    return absl::OkStatus();
  }

  std::vector<int> statuses;
  std::string body;
};

class CallerHttpTest : public testing::Test {
 protected:
  GitSource Source(const std::string& url = kUrl) {
    return {url, std::make_shared<const CallerEnvironment>(environment_)};
  }

  static HttpRequest Request(const std::string& url = kUrl) {
    HttpRequest request;
    request.url = url;
    return request;
  }

  CallerEnvironment environment_ = {{"GITHUB_TOKEN", "token"},
                                    {"HOME", MakeTempDirectory()},
                                    {"PATH", "/usr/bin:/bin"}};
  const std::string shown_ = absl::StrCat(
      "Authorization: Basic ", absl::Base64Escape("x-access-token:token"));
  StrictHandler handler_;
};

TEST_F(CallerHttpTest, ShowsNothingWhereNothingIsRefused) {
  for (int status : {200, 500}) {
    ScriptedHttp scripted({status});
    CallerHttp http(scripted, Source(), {});
    EXPECT_EQ(http.Fetch(Request(), handler_, {}).ok(), status == 200);
    EXPECT_THAT(scripted.shown(), ElementsAre("nothing"));
  }
}

TEST_F(CallerHttpTest, AllRequestsGoByTheCallersNetwork) {
  ScriptedHttp scripted({200, 404, 200});
  GitSource source = Source();
  source.network = std::make_shared<const CallerEnvironment>();
  CallerHttp http(scripted, source, {});
  ASSERT_TRUE(http.Fetch(Request("https://other.example/"), handler_, {}).ok());
  ASSERT_TRUE(http.Fetch(Request(), handler_, {}).ok());
  EXPECT_THAT(scripted.networks(),
              ElementsAre(source.network, source.network, source.network));
}

TEST_F(CallerHttpTest, ShowsACredentialAfterARefusalAndKeepsToIt) {
  for (int refusal : {401, 403, 404, 429}) {
    ScriptedHttp scripted({refusal, 200, 200});
    CallerHttp http(scripted, Source(), {});
    StrictHandler handler;
    EXPECT_EQ(http.Fetch(Request(), handler, {}), absl::OkStatus());
    EXPECT_THAT(handler.statuses, ElementsAre(200));
    EXPECT_EQ(handler.body, "hello");
    EXPECT_EQ(http.Fetch(Request(), handler_, {}), absl::OkStatus());
    EXPECT_THAT(scripted.shown(), ElementsAre("nothing", shown_, shown_));
  }
}

TEST_F(CallerHttpTest, TellsOfTheFirstRefusalAndWhatWasTried) {
  ScriptedHttp scripted({404, 401});
  CallerHttp http(scripted, Source(), {});
  const absl::Status status = http.Fetch(Request(), handler_, {});
  EXPECT_EQ(ReasonOf(status), Reason::kRepoNotFound);
  EXPECT_EQ(MetadataOf(status)["http_status"], "404");
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("GITHUB_TOKEN was refused (HTTP 401)"));
  EXPECT_THAT(handler_.statuses, ElementsAre(404));
  EXPECT_EQ(handler_.body, "");
}

TEST_F(CallerHttpTest, WhoMayComeInIsToldThatThereIsNothing) {
  ScriptedHttp scripted({401, 404});
  CallerHttp http(scripted, Source(), {});
  const absl::Status status = http.Fetch(Request(), handler_, {});
  EXPECT_THAT(handler_.statuses, ElementsAre(404));
  EXPECT_THAT(std::string(status.message()), HasSubstr("HTTP 404"));
}

TEST_F(CallerHttpTest, AnotherFailureEndsTheTrials) {
  ScriptedHttp scripted({401, 500});
  CallerHttp http(scripted, Source(), {});
  EXPECT_EQ(ReasonOf(http.Fetch(Request(), handler_, {})),
            Reason::kUpstreamUnavailable);
  EXPECT_EQ(scripted.shown().size(), 2u);
}

TEST_F(CallerHttpTest, ShowsOtherHostsNothing) {
  ScriptedHttp scripted({401, 200, 404, 404, 404});
  CallerHttp http(scripted, Source(), {});
  ASSERT_EQ(http.Fetch(Request(), handler_, {}), absl::OkStatus());
  for (const char* url : {"https://codeload.github.com/o/r",
                          "http://github.com/o/r", "https://github.com:1/o"}) {
    EXPECT_FALSE(http.Fetch(Request(url), handler_, {}).ok());
  }
  EXPECT_THAT(scripted.shown(),
              ElementsAre("nothing", shown_, "nothing", "nothing", "nothing"));
}

TEST_F(CallerHttpTest, AsksAsNobodyNoMoreWhatIsRefused) {
  GitSource source = Source();
  source.refused = true;
  ScriptedHttp scripted({200, 404});
  EXPECT_EQ(CallerHttp(scripted, source, {}).Fetch(Request(), handler_, {}),
            absl::OkStatus());
  const absl::Status status =
      CallerHttp(scripted, source, {}).Fetch(Request(), handler_, {});
  EXPECT_EQ(ReasonOf(status), Reason::kUpstreamForbidden);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("GITHUB_TOKEN was refused (HTTP 404)"));
  EXPECT_THAT(scripted.shown(), ElementsAre(shown_, shown_));
}

TEST_F(CallerHttpTest, StopsBetweenTrials) {
  std::stop_source stop;
  stop.request_stop();
  ScriptedHttp scripted({401});
  CallerHttp http(scripted, Source(), {});
  EXPECT_TRUE(
      absl::IsCancelled(http.Fetch(Request(), handler_, stop.get_token())));
}

TEST_F(CallerHttpTest, ShowsAServerWhatNetrcHas) {
  const TestServer server;
  const std::string netrc = environment_["HOME"] + "/.netrc";
  ASSERT_EQ(WriteFileDurably(
                netrc, "machine 127.0.0.1 login me password secret\n", 0600),
            absl::OkStatus());
  const std::unique_ptr<HttpTransport> real =
      CreateCurlTransport({}, MakePolicy()).value();
  const std::string url = server.Url("/basic/me:secret/ok");
  CallerHttp http(*real, Source(url), {});
  EXPECT_EQ(http.Fetch(Request(url), handler_, {}), absl::OkStatus());
  EXPECT_EQ(handler_.body, "hello");
  ASSERT_EQ(
      WriteFileDurably(netrc, "machine 127.0.0.1 login me password x\n", 0600),
      absl::OkStatus());
  const absl::Status status =
      CallerHttp(*real, Source(url), {}).Fetch(Request(url), handler_, {});
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("~/.netrc was refused (HTTP 401)"));
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("TOKEN")));
}

}  // namespace
}  // namespace hubd
