#include "server/net/paced_transport.h"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>

#include "server/base/caller_environment.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_http_transport.h"

namespace hubd {
namespace {

class Body final : public HttpHandler {
 public:
  absl::Status OnResponse(const HttpResponse& response) override {
    status = response.status;
    return absl::OkStatus();
  }
  absl::Status OnBody(absl::string_view bytes) override {
    text.append(bytes.data(), bytes.size());
    return absl::OkStatus();
  }

  int status = 0;
  std::string text;
};

class PacedTransportTest : public testing::Test {
 protected:
  FakeClock clock_;
  FakeHttpTransport http_;
  Bandwidth bandwidth_{clock_};
  PacedTransport paced_{http_, bandwidth_, 7};
};

TEST_F(PacedTransportTest, HandsOnWhatComes) {
  http_.Serve("https://h.org/a", "bytes");
  Body body;
  HttpRequest request;
  request.url = "https://h.org/a";
  ASSERT_TRUE(paced_.Fetch(request, body, {}).ok());
  EXPECT_EQ(body.status, 200);
  EXPECT_EQ(body.text, "bytes");
}

TEST_F(PacedTransportTest, RequestsGoByTheCallersNetwork) {
  http_.Serve("https://h.org/a", "bytes");
  const auto lent = [](const std::string& proxy) {
    return std::make_shared<const CallerEnvironment>(
        CallerEnvironment{{"all_proxy", proxy}});
  };
  HttpRequest request;
  request.url = "https://h.org/a";
  request.network = lent("its own");
  Body body;
  ASSERT_TRUE(paced_.Fetch(request, body, {}).ok());
  PacedTransport callers(http_, bandwidth_, 7, lent("the caller's"));
  ASSERT_TRUE(callers.Fetch(request, body, {}).ok());
  EXPECT_EQ(VariableOf(http_.requests()[0].network, "all_proxy"), "its own");
  EXPECT_EQ(VariableOf(http_.requests()[1].network, "all_proxy"),
            "the caller's");
}

TEST_F(PacedTransportTest, WaitsForTheJobsAndTheHostsTurn) {
  http_.Serve("https://H.org:8443/a", std::string(1 << 20, 'x'));
  for (const bool by_host : {true, false}) {
    ASSERT_TRUE((by_host ? bandwidth_.LimitHost("h.org", Bandwidth::kLeast)
                         : bandwidth_.LimitJob(7, Bandwidth::kLeast))
                    .ok());
    Body body;
    std::stop_source stop;
    auto ended = std::async(std::launch::async, [&] {
      HttpRequest request;
      request.url = "https://H.org:8443/a";
      return paced_.Fetch(request, body, stop.get_token());
    });
    // The clock stands: its turn never comes.
    EXPECT_EQ(ended.wait_for(std::chrono::milliseconds(50)),
              std::future_status::timeout);
    stop.request_stop();
    EXPECT_TRUE(absl::IsCancelled(ended.get())) << by_host;
    EXPECT_EQ(body.text, "");
    ASSERT_TRUE(bandwidth_.LimitHost("h.org", 0).ok());
  }
}

}  // namespace
}  // namespace hubd
