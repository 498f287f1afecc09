#include "server/net/url_policy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/status.h"
#include "tests/server/net/test_server.h"

namespace hubd {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

sockaddr_storage Address(const std::string& text, int port = 443) {
  sockaddr_storage storage = {};
  auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
  if (inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
  } else {
    HUBD_CHECK(inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr) == 1);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
  }
  return storage;
}

const sockaddr& Generic(const sockaddr_storage& storage) {
  return reinterpret_cast<const sockaddr&>(storage);
}

absl::Status Check(const UrlPolicy& policy, const std::string& address,
                   int port, bool from_public) {
  return policy.CheckAddress(Generic(Address(address, port)), from_public);
}

TEST(ParseUrlTest, TakesUrlsApart) {
  const struct {
    const char* url;
    Url parts;
  } kCases[] = {
      {"https://Hub.Example/a/b?q#f", {"https", "hub.example", 443, "/a/b"}},
      {"HTTP://h", {"http", "h", 80, "/"}},
      {"http://h?q", {"http", "h", 80, "/"}},
      {"https://h:8443/x", {"https", "h", 8443, "/x"}},
      {"https://h:/x", {"https", "h", 443, "/x"}},
      {"https://[2001:DB8::1]:1/", {"https", "2001:db8::1", 1, "/"}},
      {"http://0x7f.1/", {"http", "0x7f.1", 80, "/"}},
      {"https://h/@user:x", {"https", "h", 443, "/@user:x"}},
      {"https://h#/@x", {"https", "h", 443, "/"}},
  };
  for (const auto& c : kCases) {
    absl::StatusOr<Url> url = ParseUrl(c.url);
    ASSERT_EQ(url.status(), absl::OkStatus()) << c.url;
    EXPECT_EQ(url->scheme, c.parts.scheme) << c.url;
    EXPECT_EQ(url->host, c.parts.host) << c.url;
    EXPECT_EQ(url->port, c.parts.port) << c.url;
    EXPECT_EQ(url->path, c.parts.path) << c.url;
  }
}

TEST(ParseUrlTest, RefusesWhatIsNoHttpUrl) {
  const std::string kCases[] = {
      "",
      "hub.example/x",
      "https:/h/x",
      "https:///x",
      "https://",
      "https://:443/",
      "ftp://h/x",
      "javascript:alert(1)",
      "https://user@h/",
      "https://user:password@h/",
      "https://good.example\\@evil.example/",
      "https://h/a b",
      "https://h/a\tb",
      "https://h/a\r\nHost: x",
      std::string("https://h/\0", 11),
      "https://h/\x7f",
      "https://h\xc3\xa4/",
      "https://%31.2.3.4/",
      "https://h:0/",
      "https://h:65536/",
      "https://h:+1/",
      "https://h:8a/",
      "https://[::1/",
      "https://[::1]x/",
      "https://[h]/",
      "https://[fe80::1%25eth0]/",
      "https://h/" + std::string(8192, 'x'),
  };
  for (const std::string& url : kCases) {
    EXPECT_EQ(ReasonOf(ParseUrl(url).status()), Reason::kInvalidUrl) << url;
  }
}

TEST(ParseUrlTest, SaysWhatToDoWithFilesAndKeepsSecretsToItself) {
  EXPECT_THAT(ParseUrl("file:///m.pth").status().ToString(),
              HasSubstr("open that path"));
  EXPECT_THAT(ParseUrl("https://u:secret@h/?token=secret").status().ToString(),
              Not(HasSubstr("secret")));
  const std::string long_secret = "secret" + std::string(300, 'x');
  EXPECT_THAT(ParseUrl("https://u:" + long_secret + "@h/").status().ToString(),
              Not(HasSubstr("secret")));
}

TEST(UrlPolicyTest, TellsPublicAddressesFromAllOthers) {
  const struct {
    const char* address;
    bool is_public;
  } kCases[] = {
      {"1.1.1.1", true},
      {"93.184.216.34", true},
      {"9.255.255.255", true},
      {"11.0.0.0", true},
      {"100.63.255.255", true},
      {"100.128.0.0", true},
      {"172.15.255.255", true},
      {"172.32.0.0", true},
      {"192.167.255.255", true},
      {"198.17.255.255", true},
      {"198.20.0.0", true},
      {"223.255.255.255", true},
      {"0.0.0.0", false},
      {"0.1.2.3", false},
      {"10.0.0.1", false},
      {"10.255.255.255", false},
      {"100.64.0.1", false},
      {"100.127.255.255", false},
      {"127.0.0.1", false},
      {"127.255.255.254", false},
      {"169.254.169.254", false},
      {"172.16.0.1", false},
      {"172.31.255.255", false},
      {"192.0.0.1", false},
      {"192.0.2.1", false},
      {"192.88.99.1", false},
      {"192.168.1.1", false},
      {"198.18.0.1", false},
      {"198.19.255.255", false},
      {"198.51.100.1", false},
      {"203.0.113.1", false},
      {"224.0.0.1", false},
      {"239.255.255.255", false},
      {"240.0.0.1", false},
      {"255.255.255.255", false},
      {"2606:4700:4700::1111", true},
      {"2a00:1450:4001::1", true},
      {"2001:200::1", true},
      {"2001:4860:4860::8888", true},
      {"::", false},
      {"::1", false},
      {"::7f00:1", false},
      {"::1.1.1.1", false},
      {"::ffff:1.1.1.1", true},
      {"::ffff:127.0.0.1", false},
      {"::ffff:10.0.0.1", false},
      {"::ffff:0:1.1.1.1", false},
      {"64:ff9b::1.1.1.1", true},
      {"64:ff9b::127.0.0.1", false},
      {"64:ff9b::192.168.0.1", false},
      {"64:ff9b:1::1.1.1.1", false},
      {"100::1", false},
      {"2001::1", false},
      {"2001:0:4136:e378:8000:63bf:3fff:fdd2", false},
      {"2001:2::1", false},
      {"2001:10::1", false},
      {"2001:1ff::1", false},
      {"2001:db8::1", false},
      {"2002:101:101::1", true},
      {"2002:7f00:1::1", false},
      {"2002:a00:1::1", false},
      {"2002:c0a8:1::1", false},
      {"3fff::1", false},
      {"4000::1", false},
      {"fc00::1", false},
      {"fd12:3456::1", false},
      {"fe80::1", false},
      {"febf::1", false},
      {"fec0::1", false},
      {"ff02::1", false},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(UrlPolicy::IsPublic(Generic(Address(c.address))), c.is_public)
        << c.address;
  }
  sockaddr_un local = {};
  local.sun_family = AF_UNIX;
  EXPECT_FALSE(UrlPolicy::IsPublic(reinterpret_cast<const sockaddr&>(local)));
}

TEST(UrlPolicyTest, UserModeTakesAnyAddressUntilAPublicHop) {
  const UrlPolicy policy = MakePolicy();
  for (const char* address : {"127.0.0.1", "10.0.0.1", "::1", "1.1.1.1"}) {
    EXPECT_EQ(Check(policy, address, 80, false), absl::OkStatus()) << address;
  }
  EXPECT_EQ(Check(policy, "1.1.1.1", 80, true), absl::OkStatus());
  for (const char* address : {"127.0.0.1", "169.254.169.254", "fe80::1"}) {
    absl::Status status = Check(policy, address, 80, true);
    EXPECT_EQ(ReasonOf(status), Reason::kUrlNotAllowed) << address;
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr(address), HasSubstr("redirect")));
  }
}

TEST(UrlPolicyTest, SystemModeTakesPublicAndAllowedAddresses) {
  const UrlPolicy policy = MakePolicy(
      {.system_mode = true,
       .allow_address = {"127.0.0.1:8443", "10.0.0.0/8", "192.168.1.9",
                         "[::1]:8443", "fd00::/8", "fe80::7"}});
  const struct {
    const char* address;
    int port;
    bool allowed;
  } kCases[] = {
      {"1.1.1.1", 443, true},
      {"127.0.0.1", 8443, true},
      {"127.0.0.1", 443, false},
      {"127.0.0.2", 8443, false},
      {"10.200.3.4", 1, true},
      {"11.0.0.1", 1, true},
      {"192.168.1.9", 1, true},
      {"192.168.1.8", 1, false},
      {"::1", 8443, true},
      {"::1", 443, false},
      {"fd12::1", 443, true},
      {"fc00::1", 443, false},
      {"fe80::7", 443, true},
      {"fe80::8", 443, false},
      {"::ffff:10.1.1.1", 443, true},
      {"::ffff:127.0.0.1", 443, false},
  };
  for (const auto& c : kCases) {
    for (bool from_public : {false, true}) {
      EXPECT_EQ(Check(policy, c.address, c.port, from_public).ok(), c.allowed)
          << c.address << " " << c.port;
    }
  }
}

TEST(UrlPolicyTest, RefusesAllowAddressEntriesThatAreNone) {
  for (const char* entry :
       {"", "localhost", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1",
        "10.0.0.1:0", "10.0.0.1:", "10.0.0.1:65536", "::1/129", "[::1]",
        "[::1]:", "[::1", "10.0.0", "10.0.0.0/8:443"}) {
    absl::Status status =
        UrlPolicy::Create({.allow_address = {entry}}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << entry;
    EXPECT_THAT(std::string(status.message()), HasSubstr("allow_address"));
  }
}

TEST(UrlPolicyTest, TakesHttpInUserModeOrWhereAllowed) {
  EXPECT_EQ(MakePolicy().CheckUrl("http://h/"), absl::OkStatus());
  const UrlPolicy system = MakePolicy({.system_mode = true});
  EXPECT_EQ(system.CheckUrl("https://h/"), absl::OkStatus());
  absl::Status status = system.CheckUrl("http://h/?token=secret");
  EXPECT_EQ(ReasonOf(status), Reason::kUrlNotAllowed);
  EXPECT_THAT(status.ToString(),
              AllOf(HasSubstr("allow_http"), Not(HasSubstr("secret"))));
  EXPECT_EQ(ReasonOf(system.CheckUrl("ftp://h/")), Reason::kInvalidUrl);
  EXPECT_EQ(MakePolicy({.system_mode = true, .allow_http = true})
                .CheckUrl("http://h/"),
            absl::OkStatus());
}

TEST(UrlPolicyTest, RefusesRedirectsToLessProtection) {
  const UrlPolicy policy = MakePolicy();
  EXPECT_EQ(policy.CheckRedirect("https://a/", "https://b/"), absl::OkStatus());
  EXPECT_EQ(policy.CheckRedirect("http://a/", "https://b/"), absl::OkStatus());
  EXPECT_EQ(policy.CheckRedirect("http://a/", "http://b/"), absl::OkStatus());
  for (const char* target :
       {"http://b/", "file:///etc/passwd", "https://u:p@b/", ""}) {
    EXPECT_EQ(ReasonOf(policy.CheckRedirect("https://a/", target)),
              Reason::kUrlNotAllowed)
        << target;
  }
  const UrlPolicy system = MakePolicy({.system_mode = true});
  EXPECT_EQ(ReasonOf(system.CheckRedirect("http://a/", "http://b/")),
            Reason::kUrlNotAllowed);
}

TEST(UrlTest, AnOriginIsSchemeHostAndPort) {
  EXPECT_TRUE(SameOrigin("https://a/x", "https://A:443/y?z"));
  for (const char* other : {"http://a/x", "https://a:1/x", "https://a.b/x",
                            "https://b/x", "https://u@a/x", ""}) {
    EXPECT_FALSE(SameOrigin("https://a/x", other)) << other;
  }
  EXPECT_FALSE(SameOrigin("", ""));
}

TEST(UrlPolicyTest, OnlyAUsersOwnDaemonGoesBySshAndToThisMachine) {
  const UrlPolicy user = MakePolicy();
  const UrlPolicy system = MakePolicy({.system_mode = true});
  for (const char* url : {"ssh://git@h/o/n", "file:///srv/git/n"}) {
    EXPECT_TRUE(user.CheckRepoUrl(url).ok());
    const absl::Status status = system.CheckRepoUrl(url);
    EXPECT_EQ(ReasonOf(status), Reason::kUrlNotAllowed) << status;
    EXPECT_NE(status.message().find("a daemon of your own"),
              absl::string_view::npos);
    // A checkpoint has no such URL in either.
    EXPECT_EQ(ReasonOf(user.CheckUrl(url)), Reason::kInvalidUrl);
  }
  EXPECT_TRUE(system.CheckRepoUrl("https://h/o/n").ok());
  EXPECT_FALSE(system.CheckRepoUrl("http://h/o/n").ok());
}

TEST(UrlPolicyTest, WhatASignatureGivesIsNotForManyUsers) {
  const UrlPolicy user = MakePolicy();
  const UrlPolicy system = MakePolicy({.system_mode = true});
  const std::string url = "https://h/m?X-Amz-Signature=secret";
  EXPECT_TRUE(user.CheckCheckpointUrl(url).ok());
  const absl::Status status = system.CheckCheckpointUrl(url);
  EXPECT_EQ(ReasonOf(status), Reason::kUrlNotAllowed) << status;
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("a daemon of your own"), HasSubstr("https://h/m"),
                    Not(HasSubstr("secret"))));
  EXPECT_TRUE(system.CheckCheckpointUrl("https://h/m?v=1").ok());
  EXPECT_FALSE(system.CheckCheckpointUrl("http://h/m").ok());
  // Where a redirect leads is the host's own way to its bytes.
  EXPECT_TRUE(system.CheckRedirect("https://h/m", url).ok());
}

}  // namespace
}  // namespace hubd
