#include "server/net/curl_transport.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/caller_environment.h"
#include "server/base/clock.h"
#include "server/base/status.h"
#include "server/base/unique_fd.h"
#include "server/net/bandwidth.h"
#include "server/net/paced_transport.h"
#include "tests/server/net/test_server.h"

namespace hubd {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;

std::unique_ptr<HttpTransport> MakeTransport(
    NetOptions options = {}, const UrlPolicy::Options& policy = {}) {
  auto transport = CreateCurlTransport(std::move(options), MakePolicy(policy));
  HUBD_CHECK(transport.ok());
  return *std::move(transport);
}

// A label of DNS has at most 63 bytes, so that no resolver is asked.
constexpr char kNoName[] =
    "http://"
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
    ".example/";

// A port of loopback at which nothing listens.
int ClosedPort() {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  HUBD_CHECK(bind(fd.get(), generic, size) == 0);
  HUBD_CHECK(getsockname(fd.get(), generic, &size) == 0);
  return ntohs(address.sin_port);
}

LentEnvironment Network(CallerEnvironment variables) {
  return std::make_shared<const CallerEnvironment>(std::move(variables));
}

class CurlTransportTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<TestServer>(); }
  static void TearDownTestSuite() { server_.reset(); }

  absl::Status Get(const std::string& url) {
    HttpRequest request;
    request.url = url;
    return transport_->Fetch(request, handler_, {});
  }

  // The reason and the cause of what the server's `path` leads to.
  std::string CauseOf(const std::string& path) {
    absl::Status status = Get(server_->Url(path));
    EXPECT_EQ(ReasonOf(status), Reason::kUpstreamUnavailable) << status;
    EXPECT_EQ(MetadataValue(status, "url"),
              server_->Url(path.substr(0, path.find('?'))));
    return MetadataValue(status, "cause");
  }

  static inline std::unique_ptr<TestServer> server_;
  RecordingHandler handler_;
  std::unique_ptr<HttpTransport> transport_ = MakeTransport();
};

TEST_F(CurlTransportTest, DeliversStatusHeadersAndBody) {
  ASSERT_EQ(Get(server_->Url("/ok?a=b")), absl::OkStatus());
  EXPECT_EQ(handler_.responses, 1);
  EXPECT_EQ(handler_.response.status, 200);
  EXPECT_EQ(handler_.response.headers["content-length"], "5");
  EXPECT_EQ(handler_.response.content_length, 5);
  EXPECT_TRUE(handler_.response.framed);
  EXPECT_EQ(handler_.response.effective_url, server_->Url("/ok?a=b"));
  EXPECT_EQ(handler_.body, "hello");
}

TEST_F(CurlTransportTest, DeliversAnyStatusAsAResponse) {
  ASSERT_EQ(Get(server_->Url("/status/503?Retry-After=7")), absl::OkStatus());
  EXPECT_EQ(handler_.response.status, 503);
  EXPECT_EQ(handler_.response.headers["retry-after"], "7");
}

TEST_F(CurlTransportTest, SendsMethodHeadersAndBody) {
  HttpRequest request;
  request.method = "POST";
  request.url = server_->Url("/echo");
  request.headers = {"X-Test: yes"};
  request.body = "payload";
  ASSERT_EQ(transport_->Fetch(request, handler_, {}), absl::OkStatus());
  EXPECT_THAT(
      handler_.body,
      AllOf(HasSubstr("method: POST"), HasSubstr("body: payload"),
            HasSubstr("x-test: yes"), HasSubstr("user-agent: hubd/0.1.0"),
            HasSubstr("accept-encoding: identity")));
}

TEST_F(CurlTransportTest, AsksForHeadersAloneWithHead) {
  HttpRequest request;
  request.method = "HEAD";
  request.url = server_->Url("/ok");
  ASSERT_EQ(transport_->Fetch(request, handler_, {}), absl::OkStatus());
  EXPECT_EQ(handler_.response.content_length, 5);
  EXPECT_EQ(handler_.body, "");
}

TEST_F(CurlTransportTest, KeepsConnectionsBetweenCalls) {
  ASSERT_EQ(Get(server_->Url("/echo")), absl::OkStatus());
  const std::string first = std::exchange(handler_.body, "");
  ASSERT_EQ(Get(server_->Url("/echo")), absl::OkStatus());
  // The first line names the client's port.
  EXPECT_EQ(first.substr(0, first.find('\n')),
            handler_.body.substr(0, handler_.body.find('\n')));
}

TEST_F(CurlTransportTest, ServesManyThreads) {
  std::vector<std::jthread> threads;
  std::vector<std::string> bodies(8);
  for (std::string& body : bodies) {
    threads.emplace_back([this, &body] {
      for (int i = 0; i < 5; ++i) {
        RecordingHandler handler;
        HttpRequest request;
        request.url = server_->Url("/redirect?to=/ok");
        if (transport_->Fetch(request, handler, {}).ok()) body += handler.body;
      }
    });
  }
  threads.clear();
  EXPECT_THAT(bodies, Each("hellohellohellohellohello"));
}

TEST_F(CurlTransportTest, HandsOnTheLastResponseOnlyAfterRedirects) {
  ASSERT_EQ(Get(server_->Url("/redirect?to=ok%3Fx%3D1")), absl::OkStatus());
  EXPECT_EQ(handler_.responses, 1);
  EXPECT_EQ(handler_.response.headers.count("hop"), 0u);
  EXPECT_EQ(handler_.response.effective_url, server_->Url("/ok?x=1"));
  EXPECT_EQ(handler_.body, "hello");
}

TEST_F(CurlTransportTest, KeepsWhatTheAskedHostSaidWhenItLedToAnother) {
  const std::string other =
      absl::StrCat("http%3A//localhost%3A", server_->port());
  const std::string elsewhere = absl::StrCat("/redirect?to=", other);
  ASSERT_EQ(Get(server_->Url(elsewhere + "/ok")), absl::OkStatus());
  EXPECT_EQ(handler_.response.redirect_headers["hop"], "1");
  EXPECT_EQ(handler_.response.redirect_headers["location"],
            absl::StrCat("http://localhost:", server_->port(), "/ok"));
  // Not what the other says when it leads on.
  ASSERT_EQ(Get(server_->Url(elsewhere + "/redirect%3Fto%3D/ok")),
            absl::OkStatus());
  EXPECT_THAT(handler_.response.redirect_headers["location"],
              HasSubstr("localhost"));
  ASSERT_EQ(Get(server_->Url("/redirect?to=/ok")), absl::OkStatus());
  EXPECT_TRUE(handler_.response.redirect_headers.empty());
}

TEST_F(CurlTransportTest, SendsABodyAgainOnlyWhereTheRedirectSaysSo) {
  HttpRequest request;
  request.method = "POST";
  request.body = "payload";
  request.url = server_->Url("/redirect?status=302&to=/echo");
  ASSERT_EQ(transport_->Fetch(request, handler_, {}), absl::OkStatus());
  EXPECT_THAT(handler_.body, HasSubstr("method: GET"));
  handler_.body.clear();
  request.url = server_->Url("/redirect?status=307&to=/echo");
  ASSERT_EQ(transport_->Fetch(request, handler_, {}), absl::OkStatus());
  EXPECT_THAT(handler_.body,
              AllOf(HasSubstr("method: POST"), HasSubstr("body: payload")));
}

TEST_F(CurlTransportTest, SendsABodyAgainWhereTheRequestSaysSo) {
  HttpRequest request;
  request.method = "POST";
  request.body = "payload";
  request.post_again = true;
  request.url = server_->Url("/redirect?status=301&to=/echo");
  ASSERT_EQ(transport_->Fetch(request, handler_, {}), absl::OkStatus());
  EXPECT_THAT(handler_.body,
              AllOf(HasSubstr("method: POST"), HasSubstr("body: payload")));
}

TEST_F(CurlTransportTest, JudgesWhatAPublicHostNamedAsARedirectOfIts) {
  HttpRequest request;
  request.url = server_->Url("/ok");
  ASSERT_EQ(transport_->Fetch(request, handler_, {}), absl::OkStatus());
  EXPECT_FALSE(handler_.response.from_public);
  request.from_public = true;
  const absl::Status refused = transport_->Fetch(request, handler_, {});
  EXPECT_EQ(ReasonOf(refused), Reason::kUrlNotAllowed) << refused;

  NetOptions options;
  options.proxy = server_->Url("");
  transport_ = MakeTransport(options);
  ASSERT_EQ(Get("http://93.184.216.34/ok"), absl::OkStatus());
  EXPECT_TRUE(handler_.response.from_public);
  ASSERT_EQ(Get("http://10.0.0.1/ok"), absl::OkStatus());
  EXPECT_FALSE(handler_.response.from_public);
}

TEST_F(CurlTransportTest, KeepsSecretsFromOtherHosts) {
  HttpRequest request;
  request.headers = {"Authorization: Bearer secret", "X-Job-Token: other"};
  const std::vector<std::string> wanted = {
      "accept: x",   "content-type: x",  "git-protocol: x",
      "if-match: x", "if-none-match: x", "if-modified-since: x",
      "if-range: x", "pragma: x",        "range: x"};
  for (const std::string& header : wanted) request.headers.push_back(header);
  request.url = server_->Url("/redirect?to=/echo");
  ASSERT_EQ(transport_->Fetch(request, handler_, {}), absl::OkStatus());
  EXPECT_THAT(handler_.body, AllOf(HasSubstr("secret"), HasSubstr("other")));
  handler_.body.clear();
  request.url = server_->Url(
      absl::StrCat("/redirect?to=http://localhost:", server_->port(), "/echo"));
  ASSERT_EQ(transport_->Fetch(request, handler_, {}), absl::OkStatus());
  EXPECT_THAT(handler_.body,
              AllOf(Not(HasSubstr("secret")), Not(HasSubstr("other"))));
  for (const std::string& header : wanted) {
    EXPECT_THAT(handler_.body, HasSubstr(header));
  }
}

TEST_F(CurlTransportTest, AFailureBehindARedirectNamesWhatWasAsked) {
  const std::string url = server_->Url("/redirect?to=https://127.0.0.1:1/x");
  const absl::Status status = Get(url);
  EXPECT_EQ(MetadataOf(status)["url"], "https://127.0.0.1:1/x");
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("cannot fetch https://127.0.0.1:1/x: "),
                    HasSubstr(absl::StrCat("; ", server_->Url("/redirect"),
                                           " redirects there"))));
}

TEST_F(CurlTransportTest, GivesUpAfterTooManyRedirects) {
  EXPECT_EQ(CauseOf("/loop"), "redirect");
  EXPECT_EQ(handler_.responses, 0);
}

TEST_F(CurlTransportTest, FollowsAsManyRedirectsAsAllowed) {
  NetOptions options;
  options.max_redirects = 1;
  transport_ = MakeTransport(options);
  EXPECT_EQ(Get(server_->Url("/redirect?to=/ok")), absl::OkStatus());
  EXPECT_EQ(CauseOf("/redirect?to=/redirect%3Fto%3D/ok"), "redirect");
}

TEST_F(CurlTransportTest, RefusesRedirectsThatLeaveHttp) {
  for (const char* target : {"file:///etc/passwd", "ftp://h/x", "//u:p@h/"}) {
    absl::Status status =
        Get(server_->Url(absl::StrCat("/redirect?to=", target)));
    EXPECT_EQ(ReasonOf(status), Reason::kUrlNotAllowed) << status;
  }
}

TEST_F(CurlTransportTest, ReportsCutBodies) {
  EXPECT_EQ(CauseOf("/cut"), "cut");
  EXPECT_EQ(handler_.body, "hello");
  EXPECT_EQ(CauseOf("/cut-chunks"), "cut");
}

TEST_F(CurlTransportTest, SaysWhetherTheEndOfTheBodyIsMarked) {
  ASSERT_EQ(Get(server_->Url("/nolength")), absl::OkStatus());
  EXPECT_FALSE(handler_.response.framed);
  EXPECT_EQ(handler_.response.content_length, -1);
  EXPECT_EQ(std::exchange(handler_.body, ""), "hello");
  ASSERT_EQ(Get(server_->Url("/chunked")), absl::OkStatus());
  EXPECT_TRUE(handler_.response.framed);
  EXPECT_EQ(handler_.response.headers.count("trailer"), 0u);
  EXPECT_EQ(handler_.body, "hello");
}

TEST_F(CurlTransportTest, DecodesAnEncodingThatNobodyAskedFor) {
  ASSERT_EQ(Get(server_->Url("/gzip")), absl::OkStatus());
  EXPECT_EQ(handler_.body, "hello");
  EXPECT_EQ(handler_.response.content_length, -1);
  EXPECT_TRUE(handler_.response.framed);
}

TEST_F(CurlTransportTest, RefusesAnEncodingThatIsCutOrUnknown) {
  EXPECT_EQ(CauseOf("/gzip-cut"), "protocol");
  EXPECT_EQ(std::exchange(handler_.body, ""), "hello");
  EXPECT_EQ(CauseOf("/brotli"), "protocol");
  EXPECT_EQ(handler_.body, "");
}

TEST_F(CurlTransportTest, PassesOverInterimResponses) {
  ASSERT_EQ(Get(server_->Url("/early")), absl::OkStatus());
  EXPECT_EQ(handler_.responses, 1);
  EXPECT_EQ(handler_.response.status, 200);
  EXPECT_EQ(handler_.response.headers.count("early"), 0u);
}

TEST_F(CurlTransportTest, RefusesTooManyHeadersAndWhatIsNoHttp) {
  EXPECT_EQ(CauseOf("/bigheaders"), "headers");
  EXPECT_EQ(CauseOf("/longheader"), "headers");
  EXPECT_EQ(CauseOf("/garbage"), "protocol");
}

TEST_F(CurlTransportTest, GivesUpOnAStall) {
  NetOptions options;
  options.stall_timeout = absl::Seconds(1);
  transport_ = MakeTransport(options);
  EXPECT_EQ(CauseOf("/hang"), "stall");
  EXPECT_EQ(CauseOf("/silent"), "stall");
  EXPECT_EQ(CauseOf("/drip"), "stall");
  const absl::Status status = Get(server_->Url("/hang"));
  EXPECT_EQ(MetadataValue(status, "address"), "127.0.0.1") << status;
}

sockaddr_in6 Loopback6(int port) {
  sockaddr_in6 address = {};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  address.sin6_port = htons(port);
  return address;
}

// Listens at [::1]:port and never says anything; invalid without IPv6.
UniqueFd SilentListener(int port, int backlog = 8) {
  UniqueFd fd(socket(AF_INET6, SOCK_STREAM, 0));
  const sockaddr_in6 address = Loopback6(port);
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address),
           sizeof address) != 0 ||
      listen(fd.get(), backlog) != 0) {
    fd.reset();
  }
  return fd;
}

// Begins to connect to it.
UniqueFd Connect(int port) {
  UniqueFd fd(socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0));
  const sockaddr_in6 address = Loopback6(port);
  (void)connect(fd.get(), reinterpret_cast<const sockaddr*>(&address),
                sizeof address);
  return fd;
}

TEST_F(CurlTransportTest, TakesAnotherAddressOfANameWhereThereIsOne) {
  const UniqueFd silent = SilentListener(server_->port());
  if (!silent.valid()) GTEST_SKIP() << "no IPv6 here";
  NetOptions options;
  options.stall_timeout = absl::Seconds(1);
  transport_ = MakeTransport(options);
  HttpRequest request;
  request.url = absl::StrCat("http://localhost:", server_->port(), "/ok");
  request.avoided_addresses = {"127.0.0.1"};
  const absl::Status status = transport_->Fetch(request, handler_, {});
  EXPECT_EQ(MetadataValue(status, "cause"), "stall") << status;
  EXPECT_EQ(MetadataValue(status, "address"), "::1") << status;
  request.avoided_addresses = {"::1"};
  EXPECT_EQ(transport_->Fetch(request, handler_, {}), absl::OkStatus());
  EXPECT_EQ(handler_.body, "hello");
}

TEST_F(CurlTransportTest, TakesAnAddressThatFailedWhereThereIsNoOther) {
  // Nothing listens at [::1].
  for (const std::string& url :
       {server_->Url("/ok"),
        absl::StrCat("http://localhost:", server_->port(), "/ok")}) {
    HttpRequest request;
    request.url = url;
    request.avoided_addresses = {"192.0.2.1", "127.0.0.1"};
    EXPECT_EQ(MakeTransport()->Fetch(request, handler_, {}), absl::OkStatus());
    EXPECT_EQ(std::exchange(handler_.body, ""), "hello");
  }
}

// A listener whose queue is full: what connects to it hears nothing.
TEST_F(CurlTransportTest, DoesNotWaitLongForAnotherAddress) {
  const UniqueFd silent = SilentListener(server_->port(), /*backlog=*/0);
  if (!silent.valid()) GTEST_SKIP() << "no IPv6 here";
  std::vector<UniqueFd> waiting;
  for (int i = 0; i < 3; ++i) waiting.push_back(Connect(server_->port()));
  HttpRequest request;
  request.url = absl::StrCat("http://localhost:", server_->port(), "/ok");
  request.avoided_addresses = {"127.0.0.1"};
  EXPECT_EQ(transport_->Fetch(request, handler_, {}), absl::OkStatus());
  EXPECT_EQ(handler_.body, "hello");
}

TEST_F(CurlTransportTest, WhatALimitHoldsBackDoesNotStall) {
  NetOptions options;
  options.stall_timeout = absl::Seconds(1);
  options.stall_rate = 16 << 20;
  transport_ = MakeTransport(options);
  const RealClock clock;
  Bandwidth bandwidth(clock);
  // Two seconds for all of it.
  ASSERT_TRUE(bandwidth.LimitAll(2 << 20).ok());
  PacedTransport paced(*transport_, bandwidth, PacedTransport::kNoJob);
  HttpRequest request;
  request.url = server_->Url("/big");
  EXPECT_EQ(paced.Fetch(request, handler_, {}), absl::OkStatus());
  EXPECT_EQ(handler_.body.size(), 4u << 20);
}

TEST_F(CurlTransportTest, GivesUpAfterTheTimeOfTheRequest) {
  HttpRequest request;
  request.url = server_->Url("/hang");
  request.timeout = absl::Milliseconds(200);
  absl::Status status = transport_->Fetch(request, handler_, {});
  EXPECT_EQ(MetadataValue(status, "cause"), "timeout") << status;
}

TEST_F(CurlTransportTest, GivesUpWhenNoAnswerBegins) {
  HttpRequest request;
  request.url = server_->Url("/silent");
  request.answer_timeout = absl::Milliseconds(200);
  absl::Status status = transport_->Fetch(request, handler_, {});
  EXPECT_EQ(MetadataValue(status, "cause"), "timeout") << status;
  EXPECT_EQ(handler_.responses, 0);
}

TEST_F(CurlTransportTest, StopsWhenAsked) {
  std::stop_source stop;
  handler_.on_body = [&] {
    stop.request_stop();
    return absl::OkStatus();
  };
  HttpRequest request;
  request.url = server_->Url("/hang");
  EXPECT_EQ(transport_->Fetch(request, handler_, stop.get_token()).code(),
            absl::StatusCode::kCancelled);
  EXPECT_EQ(handler_.body, "h");
}

TEST_F(CurlTransportTest, ReturnsTheErrorOfTheHandler) {
  absl::Status full = ReasonError(Reason::kDiskFull, "no room");
  handler_.on_body = [&] { return full; };
  EXPECT_EQ(Get(server_->Url("/ok")), full);
  handler_.on_response = [&] { return full; };
  handler_.body.clear();
  EXPECT_EQ(Get(server_->Url("/ok")), full);
  EXPECT_EQ(handler_.body, "");
}

TEST_F(CurlTransportTest, NamesTheCauseWhereThereIsNoConnection) {
  absl::Status status =
      Get(absl::StrCat("http://127.0.0.1:", ClosedPort(), "/x?token=secret"));
  EXPECT_EQ(MetadataValue(status, "cause"), "connect") << status;
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("secret")));
  EXPECT_THAT(MetadataValue(status, "url"), Not(HasSubstr("secret")));
  status = Get(kNoName);
  EXPECT_EQ(MetadataValue(status, "cause"), "dns") << status;
}

TEST_F(CurlTransportTest, GoesOnAfterEveryKindOfFailure) {
  const std::string closed = absl::StrCat("http://127.0.0.1:", ClosedPort());
  for (const std::string& url :
       {std::string(kNoName), closed, server_->Url("/cut"),
        server_->Url("/bigheaders"), server_->Url("/garbage")}) {
    EXPECT_FALSE(Get(url).ok()) << url;
    EXPECT_EQ(Get(server_->Url("/ok")), absl::OkStatus()) << url;
  }
}

TEST_F(CurlTransportTest, DoesNotAskTheEnvironmentForAProxy) {
  setenv("http_proxy", absl::StrCat("127.0.0.1:", ClosedPort()).c_str(), 1);
  EXPECT_EQ(Get(server_->Url("/ok")), absl::OkStatus());
  unsetenv("http_proxy");
}

TEST_F(CurlTransportTest, AsksTheProxyOfItsOptions) {
  NetOptions options;
  options.proxy = server_->Url("");
  setenv("no_proxy", "*", 1);
  transport_ = MakeTransport(options);
  ASSERT_EQ(Get("http://hub.example/echo"), absl::OkStatus());
  EXPECT_THAT(handler_.body, HasSubstr("target: http://hub.example/echo"));
  unsetenv("no_proxy");
}

TEST_F(CurlTransportTest, JudgesNumbersBehindAProxy) {
  NetOptions options;
  options.proxy = server_->Url("");
  transport_ = MakeTransport(options);
  for (const char* host : {"127.0.0.1", "127.0.0.1.", "0x7f.1", "localhost",
                           "localhost.", "[::1]"}) {
    absl::Status status = Get(
        absl::StrCat("http://hub.example/redirect?to=http://", host, "/ok"));
    EXPECT_EQ(ReasonOf(status), Reason::kUrlNotAllowed) << host << status;
  }
  EXPECT_EQ(Get("http://hub.example/redirect?to=http://93.184.216.34/ok"),
            absl::OkStatus());
  EXPECT_EQ(Get("http://10.0.0.1/ok"), absl::OkStatus());
}

TEST_F(CurlTransportTest, AsksTheProxyOfTheCaller) {
  HttpRequest request;
  request.url = "http://hub.example/echo";
  request.network = Network({{"http_proxy", server_->Url("")}});
  ASSERT_EQ(transport_->Fetch(request, handler_, {}), absl::OkStatus());
  EXPECT_THAT(handler_.body, HasSubstr("target: http://hub.example/echo"));
  EXPECT_TRUE(handler_.response.from_public);
  // Those whom NO_PROXY names are asked themselves.
  request.url = server_->Url("/echo");
  request.network =
      Network({{"http_proxy", absl::StrCat("127.0.0.1:", ClosedPort())},
               {"no_proxy", "127.0.0.0/8"}});
  ASSERT_EQ(transport_->Fetch(request, handler_, {}), absl::OkStatus());
  EXPECT_FALSE(handler_.response.from_public);
}

TEST_F(CurlTransportTest, ConnectionsAreSharedByTheSameNetworkOnly) {
  const auto echo = [&](const std::string& url, const std::string& proxy) {
    HttpRequest request;
    request.url = url;
    request.network = Network({{"http_proxy", proxy}});
    RecordingHandler handler;
    EXPECT_EQ(transport_->Fetch(request, handler, {}), absl::OkStatus());
    // The client's port.
    return handler.body.substr(0, handler.body.find('\n'));
  };
  const std::string address = server_->address();
  const std::string first = echo("http://a.example/echo", "u:p@" + address);
  EXPECT_EQ(echo("http://b.example/echo", "u:p@" + address), first);
  EXPECT_NE(echo("http://b.example/echo", "u:q@" + address), first);
  EXPECT_NE(echo(server_->Url("/echo"), ""), first);
  EXPECT_EQ(echo("http://a.example/echo", "u:p@" + address), first);
}

TEST_F(CurlTransportTest, NamesTheProxyThatFailsWithoutItsPassword) {
  struct Row {
    std::string proxy;
    std::string url;
    std::string cause;
    std::string words;
  };
  const std::string closed = absl::StrCat("127.0.0.1:", ClosedPort());
  const std::string refuses = "http://hub.example/status/407";
  const std::string served = server_->address();
  for (const Row& row : {
           Row{"http://u:secret@" + closed, refuses, "connect",
               absl::StrCat("no connection to the proxy ", closed,
                            " (http_proxy)")},
           Row{"u:secret@" + served, refuses, "proxy",
               absl::StrCat("the proxy ", served,
                            " (http_proxy) does not take the user")},
           Row{"socks5h://u:secret@" + closed, refuses, "connect",
               absl::StrCat("no connection to the proxy ", closed)},
           Row{"http://u:se/secret@h", refuses, "proxy",
               "http_proxy is not the address of a proxy"},
           Row{"http://u:secret@" + std::string(kNoName).substr(7), refuses,
               "dns", "the name of the proxy"},
           Row{"https://u:secret@" + served, refuses, "proxy",
               absl::StrCat("no secure connection to the proxy ", served)},
       }) {
    HttpRequest request;
    request.url = row.url;
    request.network = Network({{"http_proxy", row.proxy}});
    const absl::Status status = transport_->Fetch(request, handler_, {});
    EXPECT_EQ(ReasonOf(status), Reason::kUpstreamUnavailable) << status;
    EXPECT_EQ(MetadataValue(status, "cause"), row.cause) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(row.words));
    EXPECT_THAT(status.ToString(), Not(HasSubstr("secret")));
    EXPECT_THAT(std::string(status.message()), HasSubstr("http_proxy"));
  }
}

TEST_F(CurlTransportTest, TellsAProxyThatRefusesFromOneThatFails) {
  const std::pair<int, const char*> kCases[] = {
      {403, "proxy"},   {405, "proxy"},   {407, "proxy"},   {451, "proxy"},
      {404, "connect"}, {408, "connect"}, {429, "connect"}, {500, "connect"},
      {502, "connect"}, {504, "connect"}};
  for (const auto& [answer, cause] : kCases) {
    HttpRequest request;
    request.url = absl::StrCat("https://", answer, ".example/");
    request.network = Network({{"https_proxy", server_->Url("")}});
    const absl::Status status = transport_->Fetch(request, handler_, {});
    EXPECT_EQ(MetadataValue(status, "cause"), cause) << status;
  }
}

TEST_F(CurlTransportTest, JudgesNumbersBehindACallersProxy) {
  HttpRequest request;
  request.url = "http://hub.example/redirect?to=http://127.0.0.1/ok";
  request.network = Network({{"http_proxy", server_->Url("")}});
  const absl::Status status = transport_->Fetch(request, handler_, {});
  EXPECT_EQ(ReasonOf(status), Reason::kUrlNotAllowed) << status;
}

class SystemModeTest : public testing::Test {
 protected:
  // Fetches https://hub.example/PATH, which leads to the server.
  absl::Status Get(const std::string& path) {
    HttpRequest request;
    request.url = "https://hub.example" + path;
    return MakeTransport(net_, policy_)->Fetch(request, handler_, {});
  }

  const TestCertificate certificate_ = MakeCertificate();
  TestServer server_{{"--certificate", certificate_.certificate_file, "--key",
                      certificate_.key_file}};
  NetOptions net_ = {
      .ca_file = certificate_.certificate_file,
      .connect_to = {absl::StrCat("hub.example:443:", server_.address())}};
  UrlPolicy::Options policy_ = {.system_mode = true,
                                .allow_address = {server_.address()}};
  RecordingHandler handler_;
};

TEST_F(SystemModeTest, ReachesASitesHostByConnectToCaFileAndAllowAddress) {
  ASSERT_EQ(Get("/redirect?to=/ok"), absl::OkStatus());
  EXPECT_EQ(handler_.body, "hello");
  EXPECT_EQ(handler_.response.effective_url, "https://hub.example/ok");
}

TEST_F(SystemModeTest, PrefersTheCipherThatTakesTheLeast) {
  ASSERT_EQ(Get("/echo"), absl::OkStatus());
  EXPECT_THAT(handler_.body, HasSubstr("cipher: TLS_AES_128_GCM_SHA256"));
}

TEST_F(SystemModeTest, RefusesAnAddressThatIsNotAllowed) {
  policy_.allow_address = {"127.0.0.1:1"};
  absl::Status status = Get("/ok");
  EXPECT_EQ(ReasonOf(status), Reason::kUrlNotAllowed) << status;
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("https://hub.example/ok"), HasSubstr("127.0.0.1"),
                    HasSubstr("allow_address")));
  EXPECT_EQ(MetadataValue(status, "url"), "https://hub.example/ok");
}

TEST_F(SystemModeTest, RefusesLoopbackInEveryWriting) {
  policy_.allow_address.clear();
  auto transport = MakeTransport({}, policy_);
  for (const char* host :
       {"127.0.0.1", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "[::1]",
        "[::ffff:127.0.0.1]", "localhost", "0.0.0.0"}) {
    HttpRequest request;
    request.url = absl::StrCat("https://", host, ":", server_.port(), "/ok");
    absl::Status status = transport->Fetch(request, handler_, {});
    EXPECT_EQ(ReasonOf(status), Reason::kUrlNotAllowed) << host << status;
  }
}

TEST_F(SystemModeTest, RefusesARedirectToAnAddressThatIsNotAllowed) {
  TestServer other;
  policy_.allow_http = true;
  for (const std::string& target :
       {other.Url("/ok"),
        absl::StrReplaceAll(other.Url("/ok"), {{"http:", "https:"}})}) {
    absl::Status status = Get("/redirect?to=" + target);
    EXPECT_EQ(ReasonOf(status), Reason::kUrlNotAllowed) << status;
  }
}

TEST_F(SystemModeTest, DoesNotTrustAnUnknownAuthority) {
  net_.ca_file.clear();
  absl::Status status = Get("/ok");
  EXPECT_EQ(MetadataValue(status, "cause"), "tls") << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("ca_file"));
}

TEST_F(SystemModeTest, TrustsTheCallersCertificates) {
  net_.ca_file.clear();
  const auto transport = MakeTransport(net_, policy_);
  const auto get = [&](const CallerEnvironment& lent) {
    HttpRequest request;
    request.url = "https://hub.example/ok";
    request.network = Network(lent);
    return transport->Fetch(request, handler_, {});
  };
  const std::string file = certificate_.certificate_file;
  EXPECT_EQ(get({{"SSL_CERT_FILE", file}}), absl::OkStatus());
  EXPECT_EQ(get({{"CURL_CA_BUNDLE", file}}), absl::OkStatus());
  // Nor by a connection that trust has opened.
  absl::Status status = get({});
  EXPECT_EQ(MetadataValue(status, "cause"), "tls") << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("SSL_CERT_FILE"));
  status = get({{"SSL_CERT_FILE", "/nonexistent/ca.pem"}});
  EXPECT_EQ(MetadataValue(status, "cause"), "tls") << status;
  EXPECT_THAT(
      std::string(status.message()),
      HasSubstr("SSL_CERT_FILE, \"/nonexistent/ca.pem\", cannot be read"));
  EXPECT_EQ(get({{"SSL_CERT_FILE", file}}), absl::OkStatus());
}

TEST(CreateCurlTransportTest, NamesTheSettingThatCannotBeUsed) {
  NetOptions no_file;
  no_file.ca_file = "/nonexistent/ca.pem";
  EXPECT_THAT(
      CreateCurlTransport(no_file, MakePolicy()).status().ToString(),
      AllOf(HasSubstr("INVALID_ARGUMENT"), HasSubstr("/nonexistent/ca.pem")));
  NetOptions no_route;
  no_route.connect_to = {"hub.example:443"};
  EXPECT_THAT(CreateCurlTransport(no_route, MakePolicy()).status().ToString(),
              AllOf(HasSubstr("INVALID_ARGUMENT"), HasSubstr("connect_to")));
}

}  // namespace
}  // namespace hubd
