#include "server/net/url_identity.h"

#include <algorithm>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "server/base/status.h"

namespace hubd {
namespace {

// A way of signing: the parameters that show that it was used, and those that
// it adds, in lower case. Others stay, since they can choose other bytes
// (versionId, x-oss-process, response-content-encoding).
struct Scheme {
  std::vector<absl::string_view> shown_by;
  std::vector<absl::string_view> adds;
};

const std::vector<Scheme>& Schemes() {
  static const auto& schemes = *new std::vector<Scheme>{
      // S3, version 4 and 2.
      {{"x-amz-signature"},
       {"x-amz-algorithm", "x-amz-content-sha256", "x-amz-credential",
        "x-amz-date", "x-amz-expires", "x-amz-s3session-token",
        "x-amz-security-token", "x-amz-signature", "x-amz-signedheaders"}},
      {{"awsaccesskeyid", "signature"},
       {"awsaccesskeyid", "expires", "signature", "x-amz-security-token"}},
      // Google Cloud Storage, version 4 and 2.
      {{"x-goog-signature"},
       {"x-goog-algorithm", "x-goog-content-sha256", "x-goog-credential",
        "x-goog-date", "x-goog-expires", "x-goog-signature",
        "x-goog-signedheaders"}},
      {{"googleaccessid", "signature"},
       {"googleaccessid", "expires", "signature"}},
      // Alibaba's OSS, version 4 and 2, then 1.
      {{"x-oss-signature"},
       {"security-token", "x-oss-access-key-id", "x-oss-additional-headers",
        "x-oss-credential", "x-oss-date", "x-oss-expires",
        "x-oss-security-token", "x-oss-signature", "x-oss-signature-version"}},
      {{"ossaccesskeyid", "signature"},
       {"ossaccesskeyid", "expires", "security-token", "signature"}},
      // CloudFront.
      {{"key-pair-id", "signature"},
       {"expires", "hash-algorithm", "key-pair-id", "policy", "signature"}},
      // Azure's SAS, with its own time of expiry or with a stored policy's.
      {{"sig", "sv", "se"},
       {"saoid", "scid",  "sdd", "se",  "ses",   "si",  "sig", "sip",
        "ske",   "skoid", "sks", "skt", "sktid", "skv", "sp",  "spr",
        "sr",    "srt",   "ss",  "st",  "suoid", "sv"}},
      {{"sig", "sv", "si"},
       {"ses", "si", "sig", "sip", "spr", "sr", "ss", "srt", "sv"}},
  };
  return schemes;
}

absl::string_view NameOf(absl::string_view parameter) {
  return parameter.substr(0, parameter.find('='));
}

bool IsOneOf(absl::string_view parameter,
             const std::vector<absl::string_view>& names) {
  return std::any_of(names.begin(), names.end(), [&](absl::string_view name) {
    return absl::EqualsIgnoreCase(NameOf(parameter), name);
  });
}

// Whether each of the names is one of the query's.
bool HasAll(const std::vector<absl::string_view>& parameters,
            const std::vector<absl::string_view>& names) {
  return std::all_of(names.begin(), names.end(), [&](absl::string_view name) {
    return std::any_of(parameters.begin(), parameters.end(),
                       [&](absl::string_view parameter) {
                         return absl::EqualsIgnoreCase(NameOf(parameter), name);
                       });
  });
}

}  // namespace

std::string UrlIdentity(absl::string_view url) {
  const absl::string_view whole = url.substr(0, url.find('#'));
  const size_t mark = whole.find('?');
  if (mark == absl::string_view::npos) return std::string(url);
  const absl::string_view fragment = url.substr(whole.size());
  const std::vector<absl::string_view> asked =
      absl::StrSplit(whole.substr(mark + 1), '&');
  std::vector<absl::string_view> kept = asked;
  for (const Scheme& scheme : Schemes()) {
    if (!HasAll(asked, scheme.shown_by)) continue;
    std::erase_if(kept, [&](absl::string_view parameter) {
      return IsOneOf(parameter, scheme.adds);
    });
  }
  if (kept.size() == asked.size()) return std::string(url);
  return absl::StrCat(whole.substr(0, mark), kept.empty() ? "" : "?",
                      absl::StrJoin(kept, "&"), fragment);
}

bool IsSignedUrl(absl::string_view url) { return UrlIdentity(url) != url; }

bool MayDependOnSignature(const absl::Status& failure) {
  int http_status;
  return ReasonOf(failure) != Reason::kRateLimited &&
         absl::SimpleAtoi(MetadataOf(failure)["http_status"], &http_status) &&
         http_status >= 400 && http_status < 500;
}

}  // namespace hubd
