#include "server/net/network_route.h"

#include <arpa/inet.h>

#include <initializer_list>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "server/net/url_policy.h"

namespace hubd {
namespace {

constexpr const char* kNetworkVariables[] = {
    "https_proxy", "HTTPS_PROXY", "http_proxy",    "all_proxy",     "ALL_PROXY",
    "no_proxy",    "NO_PROXY",    "SSL_CERT_FILE", "CURL_CA_BUNDLE"};

// The first of them that has a value.
NamedValue FirstOf(const LentEnvironment& network,
                   std::initializer_list<const char*> names) {
  for (const char* name : names) {
    std::string value = VariableOf(network, name);
    if (!value.empty()) return {name, std::move(value)};
  }
  return {};
}

NamedValue ProxyFor(const Url& url, const LentEnvironment& network) {
  if (NamesHost(FirstOf(network, {"no_proxy", "NO_PROXY"}).value, url.host)) {
    return {};
  }
  if (url.scheme == "http") {
    return FirstOf(network, {"http_proxy", "all_proxy", "ALL_PROXY"});
  }
  return FirstOf(network,
                 {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"});
}

// The same proxy, so that it is asked by name: libcurl would resolve names for
// one of socks4 and socks5, where the URL policy sees none of the addresses.
std::string AskedByName(const std::string& proxy) {
  for (const auto& [scheme, by_name] :
       {std::pair("socks4:/", "socks4a:/"), {"socks5:/", "socks5h:/"}}) {
    absl::string_view rest = proxy;
    if (absl::StartsWithIgnoreCase(rest, scheme)) {
      rest.remove_prefix(absl::string_view(scheme).size());
      return absl::StrCat(by_name, rest);
    }
  }
  return proxy;
}

// The bytes of an address in network order; nullopt for what is none.
std::optional<std::string> AddressBytes(absl::string_view text) {
  char bytes[sizeof(in6_addr)];
  const std::string address(text);
  if (inet_pton(AF_INET, address.c_str(), bytes) == 1) {
    return std::string(bytes, sizeof(in_addr));
  }
  if (inet_pton(AF_INET6, address.c_str(), bytes) == 1) {
    return std::string(bytes, sizeof(in6_addr));
  }
  return std::nullopt;
}

// Whether `entry`, "ADDRESS" or "ADDRESS/BITS", covers the address.
bool Covers(absl::string_view entry, absl::string_view address) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(entry, absl::MaxSplits('/', 1));
  const std::optional<std::string> network = AddressBytes(parts.first);
  if (!network || network->size() != address.size()) return false;
  const size_t width = address.size() * 8;
  size_t bits = width;
  if (absl::StrContains(entry, '/') &&
      (!absl::SimpleAtoi(parts.second, &bits) || bits > width)) {
    return false;
  }
  const size_t whole = bits / 8;
  if (address.substr(0, whole) != network->substr(0, whole)) return false;
  if (bits % 8 == 0) return true;
  const int shift = 8 - static_cast<int>(bits % 8);
  return static_cast<unsigned char>(address[whole]) >> shift ==
         static_cast<unsigned char>((*network)[whole]) >> shift;
}

// Whether `entry` is the name, or a domain that it is in.
bool IsWithin(absl::string_view name, absl::string_view entry) {
  absl::ConsumeSuffix(&entry, ".");
  absl::ConsumePrefix(&entry, ".");
  if (entry.empty() || !absl::EndsWithIgnoreCase(name, entry)) return false;
  name.remove_suffix(entry.size());
  return name.empty() || absl::EndsWith(name, ".");
}

}  // namespace

LentEnvironment NetworkOf(const LentEnvironment& environment) {
  if (environment == nullptr) return nullptr;
  CallerEnvironment network;
  for (const char* name : kNetworkVariables) {
    std::string value = VariableOf(environment, name);
    if (!value.empty()) network[name] = std::move(value);
  }
  return std::make_shared<const CallerEnvironment>(std::move(network));
}

std::string NetworkKey(const LentEnvironment& network) {
  if (network == nullptr || network->empty()) return "";
  return absl::StrCat(" by ", DigestOf(network));
}

NetworkRoute RouteTo(absl::string_view url, const NetOptions& own,
                     const LentEnvironment& network) {
  NetworkRoute route;
  if (!own.proxy.empty()) {
    route.proxy = {"[net] proxy of the daemon's configuration", own.proxy};
  } else if (const absl::StatusOr<Url> parsed = ParseUrl(url); parsed.ok()) {
    route.proxy = ProxyFor(*parsed, network);
  }
  route.proxy.value = AskedByName(route.proxy.value);
  if (!own.ca_file.empty()) {
    route.ca_file = {"[net] ca_file of the daemon's configuration",
                     own.ca_file};
  } else {
    route.ca_file = FirstOf(network, {"CURL_CA_BUNDLE", "SSL_CERT_FILE"});
  }
  return route;
}

bool NamesHost(absl::string_view list, absl::string_view host) {
  if (list == "*") return true;
  const std::optional<std::string> address = AddressBytes(host);
  absl::ConsumeSuffix(&host, ".");
  for (absl::string_view entry :
       absl::StrSplit(list, absl::ByAnyChar(", \t"), absl::SkipEmpty())) {
    if (address ? Covers(entry, *address) : IsWithin(host, entry)) return true;
  }
  return false;
}

}  // namespace hubd
