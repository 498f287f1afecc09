#include "server/net/url_policy.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/base/log.h"
#include "server/base/repo.h"
#include "server/base/status.h"
#include "server/net/url_identity.h"

namespace hubd {
namespace {

constexpr size_t kMaxUrlBytes = 8192;
constexpr int kAnyPort = 0;

absl::Status InvalidUrl(absl::string_view url, absl::string_view why) {
  std::string shown = LogQuote(RedactUrl(url));
  return ReasonError(Reason::kInvalidUrl,
                     absl::StrCat("invalid URL ", shown, ": ", why),
                     {{"url", shown.substr(1, shown.size() - 2)}});
}

absl::Status NotAllowed(absl::string_view message, const Metadata& metadata) {
  return ReasonError(Reason::kUrlNotAllowed, message, metadata);
}

bool IsHostByte(char c) {
  return absl::ascii_isalnum(c) || c == '.' || c == '-' || c == '_';
}

bool IsIpv6(const std::string& text) {
  in6_addr address;
  return inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

absl::Status CheckBytes(absl::string_view url) {
  if (url.size() > kMaxUrlBytes) {
    return InvalidUrl(url, "it is over 8192 bytes");
  }
  for (unsigned char c : url) {
    if (c <= ' ' || c == 0x7f) {
      return InvalidUrl(url, "it holds a space or a control byte");
    }
  }
  return absl::OkStatus();
}

// "HOST", "HOST:PORT", "[IPV6]", "[IPV6]:PORT" into `out`.
absl::Status ParseAuthority(absl::string_view url, absl::string_view authority,
                            Url& out) {
  if (absl::StrContains(authority, "@")) {
    return InvalidUrl(url,
                      "it holds a user name or a password; leave that out");
  }
  size_t host_end;
  if (absl::StartsWith(authority, "[")) {
    size_t bracket = authority.find(']');
    if (bracket == absl::string_view::npos) {
      return InvalidUrl(url, "the bracket of its host is not closed");
    }
    out.host = absl::AsciiStrToLower(authority.substr(1, bracket - 1));
    if (!IsIpv6(out.host)) return InvalidUrl(url, "its host is no address");
    host_end = bracket + 1;
  } else {
    host_end = std::min(authority.find(':'), authority.size());
    out.host = absl::AsciiStrToLower(authority.substr(0, host_end));
    if (out.host.empty()) return InvalidUrl(url, "it names no host");
    if (!std::all_of(out.host.begin(), out.host.end(), IsHostByte)) {
      return InvalidUrl(url,
                        "its host holds a character that no host name has; "
                        "write other scripts as xn--...");
    }
  }
  absl::string_view port = authority.substr(host_end);
  if (port.empty() || port == ":") return absl::OkStatus();
  bool digits = port[0] == ':' && port.size() <= 6 &&
                std::all_of(port.begin() + 1, port.end(), absl::ascii_isdigit);
  if (!digits || !absl::SimpleAtoi(port.substr(1), &out.port) || out.port < 1 ||
      out.port > 65535) {
    return InvalidUrl(url, "its port is not between 1 and 65535");
  }
  return absl::OkStatus();
}

// An address in network order, IPv4 as mapped IPv6, and its port.
struct Endpoint {
  std::string bytes;
  int port = 0;
};

std::string MappedIpv4(const void* four_bytes) {
  std::string bytes(10, '\0');
  bytes.append("\xff\xff");
  bytes.append(static_cast<const char*>(four_bytes), 4);
  return bytes;
}

std::optional<Endpoint> EndpointOf(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in ip;
    std::memcpy(&ip, &address, sizeof(ip));
    return Endpoint{MappedIpv4(&ip.sin_addr), ntohs(ip.sin_port)};
  }
  if (address.sa_family == AF_INET6) {
    sockaddr_in6 ip;
    std::memcpy(&ip, &address, sizeof(ip));
    return Endpoint{
        std::string(reinterpret_cast<const char*>(&ip.sin6_addr), 16),
        ntohs(ip.sin6_port)};
  }
  return std::nullopt;
}

bool SharesPrefix(absl::string_view a, absl::string_view b, int bits) {
  const size_t whole = bits / 8;
  if (a.substr(0, whole) != b.substr(0, whole)) return false;
  if (bits % 8 == 0) return true;
  const int mask = 0xff & (0xff << (8 - bits % 8));
  return ((a[whole] ^ b[whole]) & mask) == 0;
}

struct Ipv4Range {
  uint32_t network;
  int bits;
};

// IANA's special-purpose registry, and multicast.
constexpr Ipv4Range kSpecialIpv4[] = {
    {0x00000000, 8},   // this network, unspecified
    {0x0a000000, 8},   // private
    {0x64400000, 10},  // shared by carriers
    {0x7f000000, 8},   // loopback
    {0xa9fe0000, 16},  // link-local
    {0xac100000, 12},  // private
    {0xc0000000, 24},  // IETF protocol assignments
    {0xc0000200, 24},  // documentation
    {0xc0586300, 24},  // 6to4 relays
    {0xc0a80000, 16},  // private
    {0xc6120000, 15},  // benchmarks
    {0xc6336400, 24},  // documentation
    {0xcb007100, 24},  // documentation
    {0xe0000000, 4},   // multicast
    {0xf0000000, 4},   // reserved, broadcast
};

bool IsPublicIpv4(absl::string_view four_bytes) {
  uint32_t address;
  std::memcpy(&address, four_bytes.data(), sizeof(address));
  address = ntohl(address);
  return std::none_of(std::begin(kSpecialIpv4), std::end(kSpecialIpv4),
                      [&](const Ipv4Range& range) {
                        return (address ^ range.network) >> (32 - range.bits) ==
                               0;
                      });
}

std::string Ipv6(const char* text) {
  std::string bytes(16, '\0');
  HUBD_CHECK(inet_pton(AF_INET6, text, bytes.data()) == 1);
  return bytes;
}

// Forms of IPv6 that carry an IPv4 address are judged by that one. Of the rest
// only global unicast is public, less what IANA took out of it.
bool IsPublicBytes(absl::string_view bytes) {
  static const std::string mapped = Ipv6("::ffff:0:0");
  static const std::string nat64 = Ipv6("64:ff9b::");
  static const std::string six_to_four = Ipv6("2002::");
  static const std::string global = Ipv6("2000::");
  static const std::string assignments = Ipv6("2001::");  // with Teredo
  static const std::string documentation = Ipv6("2001:db8::");
  static const std::string more_documentation = Ipv6("3fff::");
  if (SharesPrefix(bytes, mapped, 96) || SharesPrefix(bytes, nat64, 96)) {
    return IsPublicIpv4(bytes.substr(12));
  }
  if (SharesPrefix(bytes, six_to_four, 16)) {
    return IsPublicIpv4(bytes.substr(2, 4));
  }
  return SharesPrefix(bytes, global, 3) &&
         !SharesPrefix(bytes, assignments, 23) &&
         !SharesPrefix(bytes, documentation, 32) &&
         !SharesPrefix(bytes, more_documentation, 20);
}

std::string ShowAddress(const sockaddr& address) {
  std::optional<Endpoint> endpoint = EndpointOf(address);
  if (!endpoint) return "an address that is not of the internet";
  char text[INET6_ADDRSTRLEN] = "";
  static const std::string mapped = Ipv6("::ffff:0:0");
  if (SharesPrefix(endpoint->bytes, mapped, 96)) {
    inet_ntop(AF_INET, endpoint->bytes.data() + 12, text, sizeof(text));
  } else {
    inet_ntop(AF_INET6, endpoint->bytes.data(), text, sizeof(text));
  }
  return text;
}

struct Range {
  std::string bytes;
  int bits = 128;
  int port = kAnyPort;
};

// An entry of allow_address in its parts.
struct RangeText {
  std::string host;
  std::optional<std::string> port;
  std::optional<std::string> bits;
};

RangeText SplitRange(std::string host) {
  if (size_t slash = host.find('/'); slash != std::string::npos) {
    return {host.substr(0, slash), std::nullopt, host.substr(slash + 1)};
  }
  if (size_t end = host.find("]:");
      end != std::string::npos && absl::StartsWith(host, "[")) {
    return {host.substr(1, end - 1), host.substr(end + 2), std::nullopt};
  }
  if (std::count(host.begin(), host.end(), ':') == 1) {
    size_t colon = host.find(':');
    return {host.substr(0, colon), host.substr(colon + 1), std::nullopt};
  }
  return {host, std::nullopt, std::nullopt};
}

// One entry of allow_address; nullopt where it is none.
std::optional<Range> ParseRange(const std::string& entry) {
  const RangeText text = SplitRange(entry);
  Range range;
  char bytes[16];
  int width = 128;
  if (inet_pton(AF_INET, text.host.c_str(), bytes) == 1) {
    range.bytes = MappedIpv4(bytes);
    width = 32;
  } else if (inet_pton(AF_INET6, text.host.c_str(), bytes) == 1) {
    range.bytes.assign(bytes, sizeof(bytes));
  } else {
    return std::nullopt;
  }
  int count = width;
  if (text.bits &&
      (!absl::SimpleAtoi(*text.bits, &count) || count < 0 || count > width)) {
    return std::nullopt;
  }
  range.bits = 128 - width + count;
  if (text.port && (!absl::SimpleAtoi(*text.port, &range.port) ||
                    range.port < 1 || range.port > 65535)) {
    return std::nullopt;
  }
  return range;
}

}  // namespace

absl::StatusOr<Url> ParseUrl(absl::string_view url) {
  HUBD_RETURN_IF_ERROR(CheckBytes(url));
  size_t colon = url.find(':');
  Url parsed;
  if (colon == absl::string_view::npos) {
    return InvalidUrl(url, "it does not begin with https:// or http://");
  }
  parsed.scheme = absl::AsciiStrToLower(url.substr(0, colon));
  if (parsed.scheme == "file") {
    return InvalidUrl(url,
                      "it names a file of this machine, which needs no "
                      "fetching; open that path");
  }
  if (parsed.scheme != "http" && parsed.scheme != "https") {
    return InvalidUrl(url, "only https:// and http:// can be fetched");
  }
  absl::string_view rest = url.substr(colon + 1);
  if (!absl::StartsWith(rest, "//")) {
    return InvalidUrl(url, "its scheme is not followed by //");
  }
  rest.remove_prefix(2);
  size_t authority_end = std::min(rest.find_first_of("/?#"), rest.size());
  parsed.port = parsed.scheme == "https" ? 443 : 80;
  HUBD_RETURN_IF_ERROR(
      ParseAuthority(url, rest.substr(0, authority_end), parsed));
  rest.remove_prefix(authority_end);
  rest = rest.substr(0, rest.find_first_of("?#"));
  parsed.path = rest.empty() ? "/" : std::string(rest);
  return parsed;
}

std::string HostOf(absl::string_view url) {
  absl::StatusOr<Url> parsed = ParseUrl(url);
  return parsed.ok() ? std::move(parsed->host) : "";
}

bool SameOrigin(absl::string_view a, absl::string_view b) {
  absl::StatusOr<Url> left = ParseUrl(a);
  absl::StatusOr<Url> right = ParseUrl(b);
  return left.ok() && right.ok() && left->scheme == right->scheme &&
         left->host == right->host && left->port == right->port;
}

absl::StatusOr<UrlPolicy> UrlPolicy::Create(const Options& options) {
  UrlPolicy policy;
  policy.system_mode_ = options.system_mode;
  policy.allow_http_ = options.allow_http;
  for (const std::string& entry : options.allow_address) {
    std::optional<Range> range = ParseRange(entry);
    if (!range) {
      return absl::InvalidArgumentError(absl::StrCat(
          "[net] allow_address: ", LogQuote(entry),
          " is not ADDRESS, ADDRESS:PORT, [IPV6]:PORT or ADDRESS/BITS"));
    }
    policy.allowed_.push_back({range->bytes, range->bits, range->port});
  }
  return policy;
}

absl::Status UrlPolicy::CheckUrl(absl::string_view url) const {
  HUBD_ASSIGN_OR_RETURN(Url parsed, ParseUrl(url));
  if (system_mode_ && !allow_http_ && parsed.scheme == "http") {
    return NotAllowed(
        absl::StrCat(RedactUrl(url),
                     " is not allowed: this daemon serves many users and "
                     "fetches over https only; [net] allow_http = true in its "
                     "configuration permits http"),
        {{"url", RedactUrl(url)}});
  }
  return absl::OkStatus();
}

absl::Status UrlPolicy::CheckRepoUrl(absl::string_view url) const {
  if (!IsSshUrl(url) && !IsFileUrl(url)) return CheckUrl(url);
  if (!system_mode_) return absl::OkStatus();
  return NotAllowed(
      absl::StrCat(RedactUrl(url),
                   " is not allowed: this daemon serves many users, and what "
                   "one of them reaches ",
                   IsSshUrl(url) ? "with a key" : "on this machine",
                   " is not for all; use the repo's HTTPS address, or a daemon "
                   "of your own"),
      {{"url", RedactUrl(url)}});
}

absl::Status UrlPolicy::CheckCheckpointUrl(absl::string_view url) const {
  HUBD_RETURN_IF_ERROR(CheckUrl(url));
  if (!system_mode_ || !IsSignedUrl(url)) return absl::OkStatus();
  return NotAllowed(
      absl::StrCat(RedactUrl(url),
                   " is not allowed with a signature in its query: this daemon "
                   "serves many users, and what a signature gives to one of "
                   "them is not for all; use a daemon of your own, or an "
                   "address that needs no signature"),
      {{"url", RedactUrl(url)}});
}

absl::Status UrlPolicy::CheckRedirect(absl::string_view from,
                                      absl::string_view to) const {
  const std::string prefix = absl::StrCat(RedactUrl(from), " redirects");
  HUBD_ASSIGN_OR_RETURN(const Url source, ParseUrl(from));
  const absl::StatusOr<Url> target = ParseUrl(to);
  // Before CheckUrl: allow_http does not permit it.
  if (target.ok() && source.scheme == "https" && target->scheme == "http") {
    return NotAllowed(
        absl::StrCat(prefix, " from https to ", RedactUrl(to),
                     ", which nothing protects on its way; ask its owner for "
                     "an https address"),
        {{"url", RedactUrl(to)}});
  }
  if (absl::Status status = CheckUrl(to); !status.ok()) {
    return NotAllowed(absl::StrCat(prefix, ": ", status.message()),
                      MetadataOf(status));
  }
  return absl::OkStatus();
}

absl::Status UrlPolicy::CheckAddress(const sockaddr& address,
                                     bool from_public) const {
  if (IsAllowed(address)) return absl::OkStatus();
  if (EndpointOf(address) && (!system_mode_ && !from_public)) {
    return absl::OkStatus();
  }
  if (IsPublic(address)) return absl::OkStatus();
  std::string shown = ShowAddress(address);
  absl::string_view why =
      system_mode_ ? "this daemon serves many users and fetches from public "
                     "addresses only"
                   : "a redirect from a public host may not lead there";
  return NotAllowed(
      absl::StrCat(shown, " is not a public address, and ", why,
                   "; [net] allow_address = [\"", shown,
                   "\"] in the daemon's configuration permits it"),
      {});
}

bool UrlPolicy::IsPublic(const sockaddr& address) {
  std::optional<Endpoint> endpoint = EndpointOf(address);
  return endpoint && IsPublicBytes(endpoint->bytes);
}

bool UrlPolicy::IsAllowed(const sockaddr& address) const {
  std::optional<Endpoint> endpoint = EndpointOf(address);
  if (!endpoint) return false;
  return std::any_of(
      allowed_.begin(), allowed_.end(), [&](const AllowedRange& range) {
        return SharesPrefix(endpoint->bytes, range.bytes, range.bits) &&
               (range.port == kAnyPort || range.port == endpoint->port);
      });
}

}  // namespace hubd
