#include "server/fetch/offered_digest.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "server/base/digest.h"
#include "server/base/log.h"
#include "server/fetch/range_response.h"
#include "server/net/url_policy.h"

namespace hubd {
namespace {

using Headers = std::map<std::string, std::string>;

constexpr size_t kSha256Bytes = 32;
constexpr size_t kSha256Digits = 2 * kSha256Bytes;

absl::string_view ValueOf(const Headers& headers, const char* name) {
  auto found = headers.find(name);
  return found == headers.end() ? "" : absl::string_view(found->second);
}

// Empty for what is not exactly the Base64 of a SHA-256.
std::string HexOfBase64(absl::string_view text) {
  std::string bytes;
  if (!absl::Base64Unescape(text, &bytes) || bytes.size() != kSha256Bytes ||
      absl::Base64Escape(bytes) != text) {
    return "";
  }
  return absl::BytesToHexString(bytes);
}

bool IsKey(absl::string_view text) {
  return !text.empty() && (absl::ascii_islower(text[0]) || text[0] == '*') &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_islower(c) || absl::ascii_isdigit(c) ||
                  absl::StrContains("_-.*", c);
         });
}

bool IsBase64Byte(char c) {
  return absl::ascii_isalnum(c) || c == '+' || c == '/' || c == '=';
}

// What is between the colons of ":BASE64:", as RFC 8941 writes a byte sequence;
// nullopt for anything else. Parameters may follow, and mean nothing here.
std::optional<absl::string_view> ByteSequence(absl::string_view item) {
  if (!absl::ConsumePrefix(&item, ":")) return std::nullopt;
  const size_t end = item.find(':');
  if (end == absl::string_view::npos) return std::nullopt;
  const absl::string_view base64 = item.substr(0, end);
  const absl::string_view rest = item.substr(end + 1);
  const bool sound = std::all_of(base64.begin(), base64.end(), IsBase64Byte) &&
                     (rest.empty() || rest[0] == ';');
  return sound ? std::optional(base64) : std::nullopt;
}

// The sha-256 of a dictionary whose values are byte sequences, as RFC 9530 has
// it. One bad member makes all of it void (RFC 8941, 4.2).
std::string ReprDigestOf(absl::string_view header) {
  std::string sha256;
  for (absl::string_view member : absl::StrSplit(header, ',')) {
    member = absl::StripAsciiWhitespace(member);
    const size_t equals = member.find('=');
    if (equals == absl::string_view::npos) return "";
    const absl::string_view key = member.substr(0, equals);
    const auto base64 = ByteSequence(member.substr(equals + 1));
    if (!IsKey(key) || !base64) return "";
    // Of a key that comes twice the last counts.
    if (key == "sha-256") sha256 = HexOfBase64(*base64);
  }
  return sha256;
}

bool BringsAll(const HttpResponse& response) {
  if (response.status == 200) return true;
  const std::optional<ContentRange> got = ContentRangeOf(response);
  return response.status == 206 && got && got->range == ByteRange{0, got->size};
}

std::string AmazonDigestOf(const HttpResponse& response) {
  const absl::string_view type =
      ValueOf(response.headers, "x-amz-checksum-type");
  const bool whole =
      type.empty() || absl::EqualsIgnoreCase(type, "FULL_OBJECT");
  // Of the parts' checksums it has "-N" at its end, which is no Base64.
  if (!BringsAll(response) || !whole ||
      response.headers.contains("x-amz-mp-parts-count")) {
    return "";
  }
  return HexOfBase64(ValueOf(response.headers, "x-amz-checksum-sha256"));
}

// 40 digits are those of a file that git holds.
std::string LinkedDigestOf(const Headers& headers) {
  absl::string_view etag = ValueOf(headers, "x-linked-etag");
  int64_t size;
  if (!absl::SimpleAtoi(ValueOf(headers, "x-linked-size"), &size) ||
      !absl::ConsumePrefix(&etag, "\"") || !absl::ConsumeSuffix(&etag, "\"")) {
    return "";
  }
  const std::string digits = absl::AsciiStrToLower(etag);
  return digits.size() == kSha256Digits && IsSha256Prefix(digits) ? digits : "";
}

// What one host says: the empty ones are none.
Offer OfferOfAll(const std::string& url, std::vector<OfferedDigest> digests) {
  std::erase_if(digests, [](const auto& one) { return one.sha256.empty(); });
  if (digests.empty()) return {};
  const OfferedDigest& first = digests.front();
  for (const OfferedDigest& other : digests) {
    if (other.sha256 == first.sha256) continue;
    return {.digest = std::nullopt,
            .warning = absl::StrCat(
                RedactUrl(url),
                ": the server contradicts itself, so that the "
                "bytes are not compared with what it says: its sha256 is ",
                first.sha256, " (", first.by, ") or ", other.sha256, " (",
                other.by, ")")};
  }
  return {.digest = first, .warning = ""};
}

}  // namespace

Offer OfferOf(const std::string& url, const HttpResponse& response) {
  const absl::StatusOr<Url> asked = ParseUrl(url);
  const absl::StatusOr<Url> answered = ParseUrl(response.effective_url);
  if (!asked.ok() || !answered.ok()) return {};
  const bool stayed = SameOrigin(url, response.effective_url);
  OfferedDigest linked{.sha256 = "",
                       .by = absl::StrCat("x-linked-etag of ", asked->host)};
  if (asked->scheme == "https") {
    linked.sha256 =
        LinkedDigestOf(stayed ? response.headers : response.redirect_headers);
  }
  // Its storage does not know better.
  if (!stayed && !linked.sha256.empty()) {
    return {.digest = linked, .warning = ""};
  }
  if (IsEncoded(response)) return {};
  return OfferOfAll(
      url, {linked,
            {ReprDigestOf(ValueOf(response.headers, "repr-digest")),
             absl::StrCat("Repr-Digest of ", answered->host)},
            {AmazonDigestOf(response),
             absl::StrCat("x-amz-checksum-sha256 of ", answered->host)}});
}

}  // namespace hubd
