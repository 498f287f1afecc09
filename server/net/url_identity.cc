#include "server/net/url_identity.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "server/base/digest.h"
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
      // Tencent's COS.
      {{"q-signature"},
       {"q-ak", "q-header-list", "q-key-time", "q-sign-algorithm",
        "q-sign-time", "q-signature", "q-url-param-list",
        "x-cos-security-token"}},
      // Huawei's OBS.
      {{"accesskeyid", "expires", "signature"},
       {"accesskeyid", "expires", "signature", "x-obs-security-token"}},
      // Google Cloud CDN.
      {{"keyname", "expires", "signature"},
       {"expires", "keyname", "signature", "urlprefix"}},
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

// The parameters but for what signing adds.
std::vector<absl::string_view> Unsigned(
    const std::vector<absl::string_view>& asked) {
  std::vector<absl::string_view> kept = asked;
  for (const Scheme& scheme : Schemes()) {
    if (!HasAll(asked, scheme.shown_by)) continue;
    std::erase_if(kept, [&](absl::string_view parameter) {
      return IsOneOf(parameter, scheme.adds);
    });
  }
  return kept;
}

// Of many hosts. Such a parameter may be all that tells one object from
// another.
const std::vector<absl::string_view>& TokenNames() {
  static const auto& names = *new std::vector<absl::string_view>{
      "access_token", "api_key",       "apikey", "auth_token",
      "job_token",    "private_token", "token",
  };
  return names;
}

// The parameter, if it is a token with a digest in its place.
std::string WithoutToken(absl::string_view parameter) {
  constexpr absl::string_view kDigest = "sha256-";
  const absl::string_view name = NameOf(parameter);
  const absl::string_view value =
      parameter.substr(std::min(name.size() + 1, parameter.size()));
  if (value.empty() || absl::StartsWith(value, kDigest) ||
      !IsOneOf(parameter, TokenNames())) {
    return std::string(parameter);
  }
  return absl::StrCat(name, "=", kDigest, Sha256Hex(value));
}

// The parts of a URL around its query, and the query's parameters; none where
// there is no query.
struct Split {
  explicit Split(absl::string_view url) {
    const absl::string_view whole = url.substr(0, url.find('#'));
    before = whole.substr(0, whole.find('?'));
    fragment = url.substr(whole.size());
    if (before.size() == whole.size()) return;
    parameters = absl::StrSplit(whole.substr(before.size() + 1), '&');
  }

  absl::string_view before;
  std::vector<absl::string_view> parameters;
  absl::string_view fragment;
};

}  // namespace

std::string UrlIdentity(absl::string_view url) {
  const Split split(url);
  const std::vector<absl::string_view> kept = Unsigned(split.parameters);
  const auto append = [](std::string* out, absl::string_view parameter) {
    absl::StrAppend(out, WithoutToken(parameter));
  };
  return absl::StrCat(split.before, kept.empty() ? "" : "?",
                      absl::StrJoin(kept, "&", append), split.fragment);
}

bool IsSignedUrl(absl::string_view url) {
  const Split split(url);
  return Unsigned(split.parameters).size() != split.parameters.size();
}

bool MayDependOnSignature(const absl::Status& failure) {
  int http_status;
  return ReasonOf(failure) != Reason::kRateLimited &&
         absl::SimpleAtoi(MetadataOf(failure)["http_status"], &http_status) &&
         http_status >= 400 && http_status < 500;
}

}  // namespace hubd
