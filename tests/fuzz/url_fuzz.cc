// URLs: what the policy judges is what libcurl would ask, and the identity of
// one names the same place. "FROM TO" is a redirect, anything else one URL.

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "server/base/digest.h"
#include "server/base/status.h"
#include "server/net/url_identity.h"
#include "server/net/url_policy.h"
#include "tests/fuzz/clean_text.h"

namespace hubd {
namespace {

struct FreeUrl {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};

std::string Part(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return "";
  const std::string result = text;
  curl_free(text);
  return result;
}

// The same parts, by libcurl.
std::optional<Url> ParseWithCurl(const std::string& text) {
  const std::unique_ptr<CURLU, FreeUrl> url(curl_url());
  if (curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) {
    return std::nullopt;
  }
  HUBD_CHECK(Part(url.get(), CURLUPART_USER).empty());
  Url parsed;
  parsed.scheme = Part(url.get(), CURLUPART_SCHEME);
  parsed.host = absl::AsciiStrToLower(Part(url.get(), CURLUPART_HOST));
  if (absl::StartsWith(parsed.host, "[")) {
    parsed.host = parsed.host.substr(1, parsed.host.size() - 2);
  }
  parsed.port = std::stoi(Part(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT));
  parsed.path = Part(url.get(), CURLUPART_PATH);
  return parsed;
}

std::optional<std::string> AddressOf(const std::string& host) {
  in_addr ipv4;
  if (::inet_aton(host.c_str(), &ipv4) != 0) {
    return std::string(reinterpret_cast<const char*>(&ipv4), sizeof(ipv4));
  }
  in6_addr ipv6;
  if (::inet_pton(AF_INET6, host.c_str(), &ipv6) == 1) {
    return std::string(reinterpret_cast<const char*>(&ipv6), sizeof(ipv6));
  }
  return std::nullopt;
}

// libcurl may write an address in another way.
bool IsSameHost(const std::string& a, const std::string& b) {
  return a == b || (AddressOf(a) && AddressOf(a) == AddressOf(b));
}

void CheckUrl(const std::string& text) {
  const absl::StatusOr<Url> ours = ParseUrl(text);
  if (!ours.ok()) {
    HUBD_CHECK(ReasonOf(ours.status()) == Reason::kInvalidUrl);
    HUBD_CHECK(IsCleanError(ours.status()));
    return;
  }
  HUBD_CHECK(ours->scheme == "http" || ours->scheme == "https");
  HUBD_CHECK(!ours->host.empty() && ours->port > 0 && ours->port < 65536);
  HUBD_CHECK(ours->path[0] == '/');
  const std::optional<Url> curls = ParseWithCurl(text);
  if (!curls) return;
  HUBD_CHECK(curls->scheme == ours->scheme);
  HUBD_CHECK(IsSameHost(curls->host, ours->host));
  HUBD_CHECK(curls->port == ours->port);
}

UrlPolicy PolicyOf(bool system_mode, bool allow_http = false) {
  return UrlPolicy::Create(
             {.system_mode = system_mode, .allow_http = allow_http})
      .value();
}

void CheckDecisions(const std::string& text) {
  const absl::StatusOr<Url> url = ParseUrl(text);
  HUBD_CHECK(PolicyOf(false).CheckUrl(text).ok() == url.ok());
  HUBD_CHECK(PolicyOf(true).CheckUrl(text).ok() ==
             (url.ok() && url->scheme == "https"));
  HUBD_CHECK(PolicyOf(true, true).CheckUrl(text).ok() == url.ok());
}

void CheckRedirect(const std::string& from, const std::string& to) {
  const absl::StatusOr<Url> target = ParseUrl(to);
  if (!ParseUrl(from).ok()) return;
  const absl::Status status = PolicyOf(false).CheckRedirect(from, to);
  const bool downgrade = target.ok() && target->scheme == "http" &&
                         ParseUrl(from)->scheme == "https";
  HUBD_CHECK(status.ok() == (target.ok() && !downgrade));
  HUBD_CHECK(status.ok() || ReasonOf(status) == Reason::kUrlNotAllowed);
}

// Any sixteen bytes as an address; what is written as one is read as one.
void CheckAddress(const std::string& text) {
  sockaddr_in6 ip = {};
  ip.sin6_family = AF_INET6;
  std::memcpy(&ip.sin6_addr, text.data(), std::min<size_t>(text.size(), 16));
  const auto& address = reinterpret_cast<const sockaddr&>(ip);
  const bool is_public = UrlPolicy::IsPublic(address);
  HUBD_CHECK(PolicyOf(true).CheckAddress(address, false).ok() == is_public);
  HUBD_CHECK(PolicyOf(false).CheckAddress(address, true).ok() == is_public);
  HUBD_CHECK(PolicyOf(false).CheckAddress(address, false).ok());
  char shown[INET6_ADDRSTRLEN] = "";
  HUBD_CHECK(::inet_ntop(AF_INET6, &ip.sin6_addr, shown, sizeof(shown)));
  const auto policy =
      UrlPolicy::Create({.system_mode = true, .allow_address = {shown}});
  HUBD_CHECK(policy.ok() && policy->CheckAddress(address, true).ok());
  (void)UrlPolicy::Create({.allow_address = {text}});
}

std::vector<std::string> ParametersOf(absl::string_view url) {
  url = url.substr(0, url.find('#'));
  const size_t query = url.find('?');
  if (query == url.npos) return {};
  return absl::StrSplit(url.substr(query + 1), '&');
}

// The parameter with the digest of its value in the value's place.
std::string Digested(const std::string& parameter) {
  const std::pair<std::string, std::string> split =
      absl::StrSplit(parameter, absl::MaxSplits('=', 1));
  return absl::StrCat(split.first, "=sha256-", Sha256Hex(split.second));
}

// Fewer of them, in their order, or some as their digests, and nothing else.
void CheckParameters(const std::vector<std::string>& kept,
                     const std::vector<std::string>& asked) {
  bool digested = false;
  auto at = asked.begin();
  for (const std::string& parameter : kept) {
    at = std::find_if(at, asked.end(), [&](const std::string& one) {
      return one == parameter || Digested(one) == parameter;
    });
    HUBD_CHECK(at != asked.end());
    digested |= *at != parameter;
    ++at;
  }
  HUBD_CHECK(digested || kept.size() < asked.size());
}

// Less of the query, and nothing else.
void CheckIdentity(const std::string& text) {
  const std::string identity = UrlIdentity(text);
  HUBD_CHECK(UrlIdentity(identity) == identity);
  HUBD_CHECK(!IsSignedUrl(text) || identity != text);
  HUBD_CHECK(!IsSignedUrl(identity));
  if (identity == text) return;
  const size_t query = text.find('?');
  CheckParameters(ParametersOf(identity), ParametersOf(text));
  HUBD_CHECK(identity.substr(0, query) == text.substr(0, query));
  const size_t fragment = std::min(text.find('#'), text.size());
  HUBD_CHECK(absl::EndsWith(identity, text.substr(fragment)));
  const absl::StatusOr<Url> from = ParseUrl(text);
  const absl::StatusOr<Url> to = ParseUrl(identity);
  HUBD_CHECK(!from.ok() ||
             (to.ok() && SameOrigin(text, identity) && from->path == to->path));
}

void Check(const std::string& text) {
  CheckUrl(text);
  CheckIdentity(text);
  CheckDecisions(text);
  CheckAddress(text);
  const size_t blank = text.find(' ');
  if (blank == std::string::npos) return;
  CheckRedirect(text.substr(0, blank), text.substr(blank + 1));
}

}  // namespace
}  // namespace hubd

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  hubd::Check({reinterpret_cast<const char*>(data), size});
  return 0;
}
