#include "server/net/ip_address.h"

#include <gtest/gtest.h>
#include <netinet/in.h>

namespace hubd {
namespace {

TEST(IpAddressTest, NumbersNeedNoDns) {
  const struct {
    const char* host;
    const char* ip;  // empty: a name
  } kRows[] = {
      {"192.0.2.1", "192.0.2.1"},   {"0x7f.1", "127.0.0.1"},
      {"2130706433", "127.0.0.1"},  {"2001:db8::1", "2001:db8::1"},
      {"localhost", "127.0.0.1"},   {"localhost.", "127.0.0.1"},
      {"a.localhost", "127.0.0.1"}, {"notlocalhost.example", ""},
      {"models.example.org", ""},   {"", ""},
  };
  for (const auto& row : kRows) {
    SCOPED_TRACE(row.host);
    const Addresses address = NumericAddress(row.host, 443);
    ASSERT_EQ(address != nullptr, *row.ip != '\0');
    if (address == nullptr) continue;
    EXPECT_EQ(IpText(*address->ai_addr), row.ip);
  }
}

TEST(IpAddressTest, OthersHaveNoText) {
  sockaddr address = {};
  address.sa_family = AF_UNIX;
  EXPECT_EQ(IpText(address), "");
}

TEST(IpAddressTest, KnowsPublicOnes) {
  const struct {
    const char* host;
    bool is_public;
  } kRows[] = {
      {"93.184.215.14", true},
      {"10.0.0.1", false},
      {"127.0.0.1", false},
      {"2606:4700::1", true},
      {"fd00::1", false},
      {"::1", false},
      {"", true},
      {"?", true},
      {"localhost", false},
      {"models.example.org", true},
  };
  for (const auto& row : kRows) {
    EXPECT_EQ(IsPublicHost(row.host), row.is_public) << row.host;
  }
}

}  // namespace
}  // namespace hubd
