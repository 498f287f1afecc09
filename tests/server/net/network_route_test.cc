#include "server/net/network_route.h"

#include <memory>
#include <string>

#include "gtest/gtest.h"

namespace hubd {
namespace {

LentEnvironment Network(CallerEnvironment variables) {
  return NetworkOf(
      std::make_shared<const CallerEnvironment>(std::move(variables)));
}

TEST(NetworkRouteTest, ProxiesAreReadAsCurlDoes) {
  struct Row {
    CallerEnvironment lent;
    std::string url;
    NamedValue proxy;
  };
  for (const Row& row : {
           Row{{}, "https://h.org/", {}},
           Row{{{"https_proxy", "p"}}, "https://h.org/", {"https_proxy", "p"}},
           Row{{{"HTTPS_PROXY", "p"}}, "https://h.org/", {"HTTPS_PROXY", "p"}},
           Row{{{"https_proxy", "p"}, {"HTTPS_PROXY", "q"}},
               "https://h.org/",
               {"https_proxy", "p"}},
           Row{{{"https_proxy", ""}, {"HTTPS_PROXY", "q"}},
               "https://h.org/",
               {"HTTPS_PROXY", "q"}},
           Row{{{"https_proxy", "p"}}, "http://h.org/", {}},
           Row{{{"http_proxy", "p"}}, "http://h.org/", {"http_proxy", "p"}},
           Row{{{"http_proxy", "p"}}, "https://h.org/", {}},
           Row{{{"HTTP_PROXY", "p"}}, "http://h.org/", {}},
           Row{{{"all_proxy", "p"}, {"ALL_PROXY", "q"}},
               "http://h.org/",
               {"all_proxy", "p"}},
           Row{{{"ALL_PROXY", "q"}}, "https://h.org/", {"ALL_PROXY", "q"}},
           Row{{{"ALL_PROXY", "q"}, {"HTTPS_PROXY", "p"}},
               "https://h.org/",
               {"HTTPS_PROXY", "p"}},
           Row{{{"ALL_PROXY", "q"}, {"no_proxy", "h.org"}},
               "https://h.org/",
               {}},
           Row{{{"ALL_PROXY", "q"}, {"NO_PROXY", "h.org"}},
               "https://h.org/",
               {}},
           Row{{{"ALL_PROXY", "q"}, {"no_proxy", "i.org"}, {"NO_PROXY", "*"}},
               "https://h.org/",
               {"ALL_PROXY", "q"}},
       }) {
    EXPECT_EQ(RouteTo(row.url, {}, Network(row.lent)).proxy, row.proxy)
        << row.url << " " << row.proxy.name;
  }
}

TEST(NetworkRouteTest, CertificatesAreReadAsCurlDoes) {
  const std::string url = "https://h.org/";
  EXPECT_EQ(RouteTo(url, {}, Network({})).ca_file, NamedValue());
  EXPECT_EQ(RouteTo(url, {}, Network({{"SSL_CERT_FILE", "/a"}})).ca_file,
            (NamedValue{"SSL_CERT_FILE", "/a"}));
  EXPECT_EQ(
      RouteTo(url, {},
              Network({{"SSL_CERT_FILE", "/a"}, {"CURL_CA_BUNDLE", "/b"}}))
          .ca_file,
      (NamedValue{"CURL_CA_BUNDLE", "/b"}));
}

TEST(NetworkRouteTest, WhatTheDaemonSetsCountsBeforeTheCallers) {
  const LentEnvironment callers =
      Network({{"ALL_PROXY", "p"}, {"NO_PROXY", "*"}, {"SSL_CERT_FILE", "/a"}});
  NetOptions own;
  own.proxy = "own";
  EXPECT_EQ(RouteTo("https://h.org/", own, callers).proxy.value, "own");
  EXPECT_EQ(RouteTo("https://h.org/", own, callers).ca_file.value, "/a");
  own = {.ca_file = "/own"};
  EXPECT_EQ(RouteTo("https://h.org/", own, callers).ca_file.value, "/own");
  EXPECT_EQ(RouteTo("https://h.org/", own, nullptr).proxy, NamedValue());
}

TEST(NetworkRouteTest, AProxyIsAskedByName) {
  struct Row {
    const char* proxy;
    const char* asked;
  };
  for (const Row& row : {
           Row{"socks4://u@h:1", "socks4a://u@h:1"},
           Row{"SOCKS5://u:p@h", "socks5h://u:p@h"},
           Row{"socks5:/h:1", "socks5h:/h:1"},
           Row{"socks4a://h", "socks4a://h"},
           Row{"socks5h://h", "socks5h://h"},
           Row{"http://socks5:p@h", "http://socks5:p@h"},
           Row{"socks5:1", "socks5:1"},
       }) {
    const auto lent = Network({{"ALL_PROXY", row.proxy}});
    EXPECT_EQ(RouteTo("https://h.org/", {}, lent).proxy.value, row.asked);
    NetOptions own;
    own.proxy = row.proxy;
    EXPECT_EQ(RouteTo("https://h.org/", own, {}).proxy.value, row.asked);
  }
}

TEST(NetworkRouteTest, ANetworkHasOnlyItsVariables) {
  EXPECT_EQ(NetworkOf(nullptr), nullptr);
  EXPECT_EQ(*Network({{"GITHUB_TOKEN", "t"},
                      {"HTTP_PROXY", "p"},
                      {"all_proxy", ""},
                      {"NO_PROXY", "*"}}),
            (CallerEnvironment{{"NO_PROXY", "*"}}));
}

TEST(NetworkRouteTest, TheKeyTellsNetworksApart) {
  EXPECT_EQ(NetworkKey(nullptr), "");
  EXPECT_EQ(NetworkKey(Network({{"GITHUB_TOKEN", "t"}})), "");
  const std::string key = NetworkKey(Network({{"ALL_PROXY", "secret"}}));
  EXPECT_EQ(key,
            NetworkKey(Network({{"ALL_PROXY", "secret"}, {"HOME", "/h"}})));
  EXPECT_NE(key, NetworkKey(Network({{"ALL_PROXY", "other"}})));
  EXPECT_NE(key, "");
  EXPECT_EQ(key.find("secret"), std::string::npos);
}

TEST(NetworkRouteTest, AListNamesHostsAsNoProxyDoes) {
  struct Row {
    const char* list;
    const char* host;
    bool named;
  };
  for (const Row& row : {
           Row{"", "h.org", false},
           Row{"*", "h.org", true},
           Row{"*", "10.0.0.1", true},
           Row{"a.org,*", "h.org", false},
           Row{"*.org", "h.org", false},
           Row{"h.org", "h.org", true},
           Row{"H.ORG", "h.org", true},
           Row{"h.org", "h.org.", true},
           Row{"h.org.", "h.org", true},
           Row{"h.org", "a.h.org", true},
           Row{".h.org", "a.h.org", true},
           Row{".h.org", "h.org", true},
           Row{"h.org", "ah.org", false},
           Row{"a.h.org", "h.org", false},
           Row{"a.org, h.org", "h.org", true},
           Row{"a.org h.org", "h.org", true},
           Row{" ,,\th.org , ", "h.org", true},
           Row{".", "h.org", false},
           Row{"localhost", "localhost", true},
           Row{"10.0.0.1", "10.0.0.1", true},
           Row{"10.0.0.1", "10.0.0.2", false},
           Row{"0.0.1", "10.0.0.1", false},
           Row{"10.0.0.0/8", "10.1.2.3", true},
           Row{"10.0.0.0/8", "11.1.2.3", false},
           Row{"192.168.0.0/17", "192.168.127.9", true},
           Row{"192.168.0.0/17", "192.168.128.9", false},
           Row{"0.0.0.0/0", "192.168.128.9", true},
           Row{"10.0.0.0/33", "10.0.0.0", false},
           Row{"10.0.0.0/", "10.0.0.0", false},
           Row{"10.0.0.0/-1", "10.0.0.0", false},
           Row{"10.0.0.0/8", "::1", false},
           Row{"::1", "::1", true},
           Row{"0:0::1", "::1", true},
           Row{"fd00::/8", "fd12::1", true},
           Row{"fd00::/8", "fe80::1", false},
           Row{"h.org:443", "h.org", false},
       }) {
    EXPECT_EQ(NamesHost(row.list, row.host), row.named)
        << row.list << " " << row.host;
  }
}

}  // namespace
}  // namespace hubd
