#include "server/net/curl_hop.h"

#include <optional>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "server/base/status.h"
#include "server/net/network_route.h"
#include "tests/server/net/test_server.h"

namespace hubd {
namespace {

class CurlHopTest : public testing::Test {
 protected:
  absl::StatusOr<std::optional<std::string>> Run(const std::string& url,
                                                 bool from_public) {
    curl_easy_reset(easy_.get());
    HttpRequest request;
    CurlHop hop(settings_, easy_.get(), request, url,
                RouteTo(url, settings_.net, nullptr), from_public,
                redirect_headers_, FetchDeadlines(), handler_, {});
    auto location = hop.Run();
    is_public_ = hop.IsPublic();
    return location;
  }

  TestServer server_;
  CurlSettings settings_ = {{}, MakePolicy(), nullptr};
  CurlEasy easy_{curl_easy_init()};
  const CurlHop::Headers redirect_headers_ = {{"x-of", "another hop"}};
  RecordingHandler handler_;
  bool is_public_ = false;
};

TEST_F(CurlHopTest, ReturnsWhereARedirectLeadsAndFollowsNone) {
  auto location = Run(server_.Url("/redirect?to=../ok"), false);
  ASSERT_EQ(location.status(), absl::OkStatus());
  EXPECT_EQ(*location, "../ok");
  EXPECT_EQ(handler_.responses, 0);
}

TEST_F(CurlHopTest, GivesTheFinalResponseToTheHandler) {
  auto location = Run(server_.Url("/ok"), false);
  ASSERT_EQ(location.status(), absl::OkStatus());
  EXPECT_EQ(*location, std::nullopt);
  EXPECT_EQ(handler_.body, "hello");
  EXPECT_EQ(handler_.response.redirect_headers, redirect_headers_);
}

TEST_F(CurlHopTest, KnowsTheAddressOfAReusedConnection) {
  ASSERT_EQ(Run(server_.Url("/echo"), false).status(), absl::OkStatus());
  const std::string first = std::exchange(handler_.body, "");
  EXPECT_FALSE(is_public_);
  ASSERT_EQ(Run(server_.Url("/echo"), false).status(), absl::OkStatus());
  // The bodies name the client's port.
  EXPECT_EQ(handler_.body, first);
  EXPECT_FALSE(is_public_);
}

TEST_F(CurlHopTest, RefusesLoopbackAfterAPublicHop) {
  auto location = Run(server_.Url("/ok"), true);
  EXPECT_EQ(ReasonOf(location.status()), Reason::kUrlNotAllowed)
      << location.status();
  EXPECT_EQ(handler_.responses, 0);
}

TEST_F(CurlHopTest, TakesNamesBehindAProxyForPublic) {
  settings_.net.proxy = server_.Url("");
  ASSERT_EQ(Run("http://hub.example/ok", false).status(), absl::OkStatus());
  EXPECT_TRUE(is_public_);
  ASSERT_EQ(Run("http://127.0.0.1/ok", false).status(), absl::OkStatus());
  EXPECT_FALSE(is_public_);
}

}  // namespace
}  // namespace hubd
