#include "server/net/curl_failure.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace hubd {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(CurlFailureTest, AProxyIsNamedWithoutItsCredentials) {
  struct Row {
    const char* value;
    const char* name;
  };
  for (const Row& row : {
           Row{"http://u:secret@p.org:3128", "the proxy p.org:3128 (V)"},
           Row{"u:secret@p.org:3128", "the proxy p.org:3128 (V)"},
           Row{"socks5h://u:secret@p.org", "the proxy p.org (V)"},
           Row{"p.org", "the proxy p.org (V)"},
           Row{"http://secret@[::1]:1/", "the proxy [::1]:1 (V)"},
       }) {
    EXPECT_EQ(NameOf({"V", row.value}), row.name) << row.value;
  }
}

TEST(CurlFailureTest, WhatIsNoProxyIsRefusedWithoutShowingIt) {
  for (const char* good :
       {"", "p.org", "p.org:3128", "http://p.org", "HTTPS://p.org",
        "socks4://p", "socks4a://p", "socks5://u:p@p", "socks5h://p:1080",
        "http://u:p@p.org:3128/", "u:p%2Fq%3F%23@p.org:3128/"}) {
    EXPECT_EQ(CheckProxy({"V", good}), std::nullopt) << good;
  }
  for (const char* bad :
       {"ftp://u:secret@p", "http://", "http://u:se/cret@p.org:1",
        "http://u:secret@p:99999", "secret secret", "socks6://secret",
        "http://secret:2024/x@p.org:3128", "secret:2024/x@p.org:3128",
        "socks5h://secret:2024?x@p", "http://secret:2024#x@p",
        "http://secret/@p", "http://p.org/?secret"}) {
    const std::optional<Explanation> why = CheckProxy({"V", bad});
    ASSERT_TRUE(why.has_value()) << bad;
    EXPECT_EQ(why->cause, "proxy");
    EXPECT_THAT(Say(*why, ""), HasSubstr("V is not the address of a proxy"));
    EXPECT_THAT(Say(*why, ""), Not(HasSubstr("secret")));
  }
}

TEST(CurlFailureTest, AFileThatHoldsNoCertificatesIsNamed) {
  CURL* easy = curl_easy_init();
  const auto explain = [&](const NamedValue& ca_file) {
    return Say(Explain(easy, CURLE_SSL_CACERT_BADFILE, "", {{}, ca_file}, true),
               "");
  };
  EXPECT_THAT(explain({"SSL_CERT_FILE", "/a/b"}),
              HasSubstr("SSL_CERT_FILE, \"/a/b\", cannot be read"));
  EXPECT_THAT(explain({}), HasSubstr("ca-certificates"));
  curl_easy_cleanup(easy);
}

TEST(CurlFailureTest, AHandshakeThatBreaksOffIsNoWrongOne) {
  CURL* easy = curl_easy_init();
  const auto explain = [&](const char* detail) {
    return Explain(easy, CURLE_SSL_CONNECT_ERROR, detail, {}, true).cause;
  };
  EXPECT_EQ(explain("OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to "
                    "h:443"),
            "cut");
  EXPECT_EQ(explain("OpenSSL SSL_connect: Connection reset by peer in "
                    "connection to h:443"),
            "cut");
  EXPECT_EQ(explain("error:0A00010B:SSL routines::wrong version number"),
            "tls");
  curl_easy_cleanup(easy);
}

TEST(CurlFailureTest, OnlyWhatHelpsIsNamed) {
  CURL* easy = curl_easy_init();
  const auto explain = [&](const NamedValue& ca_file, bool callers) {
    return Explain(easy, CURLE_PEER_FAILED_VERIFICATION, "", {{}, ca_file},
                   callers)
        .way_out;
  };
  EXPECT_THAT(explain({}, true), HasSubstr("SSL_CERT_FILE"));
  EXPECT_THAT(explain({}, false), Not(HasSubstr("SSL_CERT_FILE")));
  EXPECT_THAT(explain({"CURL_CA_BUNDLE", "/a"}, true),
              HasSubstr("certificates of CURL_CA_BUNDLE"));
  curl_easy_cleanup(easy);
}

}  // namespace
}  // namespace hubd
