#include "client/environment.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "tests/client/environment_scope.h"

namespace hubd {
namespace {

std::map<std::string, std::string> Lent() {
  const auto lent = LentVariables();
  return {lent.begin(), lent.end()};
}

TEST(EnvironmentTest, TellsEmptyFromUnset) {
  EnvironmentScope scope;
  EXPECT_EQ(Environment("HUBD_SOCKET"), std::nullopt);
  scope.Set("HUBD_SOCKET", "");
  EXPECT_EQ(Environment("HUBD_SOCKET"), "");
}

TEST(EnvironmentTest, SwitchesHaveFourWordsEach) {
  EnvironmentScope scope;
  for (const char* word : {"1", "true", "YES", "On"}) {
    scope.Set("HUBD_AUTOSTART", word);
    EXPECT_TRUE(EnvironmentIsOn("HUBD_AUTOSTART")) << word;
    EXPECT_FALSE(EnvironmentIsOff("HUBD_AUTOSTART")) << word;
  }
  for (const char* word : {"0", "false", "NO", "Off"}) {
    scope.Set("HUBD_AUTOSTART", word);
    EXPECT_TRUE(EnvironmentIsOff("HUBD_AUTOSTART")) << word;
    EXPECT_FALSE(EnvironmentIsOn("HUBD_AUTOSTART")) << word;
  }
  scope.Set("HUBD_AUTOSTART", "");
  EXPECT_FALSE(EnvironmentIsOn("HUBD_AUTOSTART"));
  EXPECT_FALSE(EnvironmentIsOff("HUBD_AUTOSTART"));
}

TEST(EnvironmentTest, EitherVariableTurnsTheNetworkOff) {
  EnvironmentScope scope;
  EXPECT_FALSE(EnvironmentIsOffline());
  scope.Set("HF_HUB_OFFLINE", "1");
  EXPECT_TRUE(EnvironmentIsOffline());
  scope.Unset("HF_HUB_OFFLINE");
  scope.Set("HUBD_OFFLINE", "yes");
  EXPECT_TRUE(EnvironmentIsOffline());
}

TEST(EnvironmentTest, TimeoutIsInfiniteUnlessSet) {
  EnvironmentScope scope;
  EXPECT_EQ(*EnvironmentTimeout(), absl::InfiniteDuration());
  scope.Set("HUBD_TIMEOUT", "");
  EXPECT_EQ(*EnvironmentTimeout(), absl::InfiniteDuration());
  scope.Set("HUBD_TIMEOUT", "2m");
  EXPECT_EQ(*EnvironmentTimeout(), absl::Minutes(2));
  scope.Set("HUBD_TIMEOUT", "soon");
  EXPECT_EQ(EnvironmentTimeout().status().message(),
            "HUBD_TIMEOUT: \"soon\" is no time: write 30, 30s, 5m, 1h or "
            "500ms");
}

TEST(EnvironmentTest, LendsWhatIsNamedAndSet) {
  EnvironmentScope scope;
  scope.Set("SSH_AUTH_SOCK", "/run/\xff");
  scope.Set("GITHUB_TOKEN", "secret");
  scope.Set("AWS_SECRET_ACCESS_KEY", "other");
  scope.Set("NETRC", std::string(16 << 10, 'x').c_str());
  scope.Unset("GH_TOKEN");
  std::map<std::string, std::string> lent = Lent();
  EXPECT_EQ(lent["SSH_AUTH_SOCK"], "/run/\xff");
  EXPECT_EQ(lent["GITHUB_TOKEN"], "secret");
  EXPECT_EQ(lent.count("NETRC"), 1u);
  EXPECT_EQ(lent.count("GH_TOKEN"), 0u);
  EXPECT_EQ(lent.count("AWS_SECRET_ACCESS_KEY"), 0u);
  scope.Set("NETRC", std::string((16 << 10) + 1, 'x').c_str());
  EXPECT_EQ(Lent().count("NETRC"), 0u);
}

TEST(EnvironmentTest, OfTheNetworkNothingElseIsLent) {
  EnvironmentScope scope;
  const char* const names[] = {
      "https_proxy", "HTTPS_PROXY",   "http_proxy",
      "all_proxy",   "ALL_PROXY",     "no_proxy",
      "NO_PROXY",    "SSL_CERT_FILE", "CURL_CA_BUNDLE"};
  for (const char* name : names) scope.Set(name, name);
  scope.Set("HTTP_PROXY", "from a request");
  scope.Set("GITHUB_TOKEN", "secret");
  std::map<std::string, std::string> expected;
  for (const char* name : names) expected[name] = name;
  const auto network = LentNetwork();
  EXPECT_EQ(
      (std::map<std::string, std::string>(network.begin(), network.end())),
      expected);
  EXPECT_EQ(Lent()["https_proxy"], "https_proxy");
  EXPECT_EQ(Lent().count("HTTP_PROXY"), 0u);
}

TEST(EnvironmentTest, HomeComesFromTheUserDatabaseWhereHomeIsUnset) {
  EnvironmentScope scope;
  scope.Set("HOME", "/somewhere");
  EXPECT_EQ(HomeDirectory(), "/somewhere");
  scope.Unset("HOME");
  EXPECT_NE(HomeDirectory(), "/somewhere");
}

}  // namespace
}  // namespace hubd
