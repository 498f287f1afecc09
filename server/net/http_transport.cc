#include "server/net/http_transport.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/base/log.h"
#include "server/net/url_policy.h"

namespace hubd {
namespace {

// What GitHub asks for where a limit names no time.
constexpr absl::Duration kDefaultWait = absl::Minutes(1);

std::optional<std::string> Header(const HttpResponse& response,
                                  const std::string& name) {
  auto it = response.headers.find(name);
  if (it == response.headers.end()) return std::nullopt;
  return it->second;
}

// How long the origin asks to wait: Retry-After in seconds or as a date, else
// the time at which the limit of GitHub's kind is lifted.
std::optional<absl::Duration> AskedWait(const HttpResponse& response,
                                        absl::Time now) {
  int64_t seconds;
  std::optional<absl::Duration> wait;
  if (auto after = Header(response, "retry-after")) {
    absl::Time date;
    if (absl::SimpleAtoi(*after, &seconds)) {
      wait = absl::Seconds(seconds);
    } else if (absl::ParseTime("%a, %d %b %Y %H:%M:%S GMT", *after, &date,
                               nullptr)) {
      wait = date - now;
    }
  }
  auto reset = Header(response, "x-ratelimit-reset");
  if (!wait && reset && absl::SimpleAtoi(*reset, &seconds)) {
    wait = absl::FromUnixSeconds(seconds) - now;
  }
  if (!wait) return std::nullopt;
  return std::clamp(*wait, absl::ZeroDuration(), absl::Hours(24 * 365));
}

// The hosts at which GitHub counts a request with a token for the token's owner
// and not for the address.
bool HeedsGithubToken(absl::string_view url) {
  absl::StatusOr<Url> parsed = ParseUrl(url);
  if (!parsed.ok()) return false;
  return parsed->host == "github.com" ||
         absl::EndsWith(parsed->host, ".github.com") ||
         parsed->host == "raw.githubusercontent.com";
}

absl::Status RateLimitError(const HttpResponse& response,
                            absl::string_view shown_url, bool github) {
  const absl::Time now = absl::Now();
  const absl::Duration wait = AskedWait(response, now).value_or(kDefaultWait);
  std::string message = absl::StrCat(
      "cannot fetch ", shown_url, ": the server limits requests (HTTP ",
      response.status, ") until ",
      absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", now + wait,
                       absl::UTCTimeZone()),
      "; try again then");
  if (github) {
    absl::StrAppend(&message, ", or with a token in GITHUB_TOKEN");
  }
  return ReasonError(
      Reason::kRateLimited, message,
      {{"url", std::string(shown_url)},
       {"http_status", absl::StrCat(response.status)},
       {"retry_after_ms", absl::StrCat(absl::ToInt64Milliseconds(wait))}});
}

}  // namespace

std::string HeaderOf(const HttpResponse& response, const std::string& name) {
  return Header(response, name).value_or("");
}

bool IsEncoded(const HttpResponse& response) {
  const std::string encoding = HeaderOf(response, "content-encoding");
  return !encoding.empty() && !absl::EqualsIgnoreCase(encoding, "identity");
}

bool IsRateLimit(const HttpResponse& response) {
  if (response.status == 429) return true;
  return response.status == 403 &&
         (Header(response, "x-ratelimit-remaining") == "0" ||
          Header(response, "retry-after"));
}

absl::Status ErrorOfResponse(const HttpResponse& response,
                             absl::string_view url, Reason not_found) {
  const std::string shown = RedactUrl(url);
  if (IsRateLimit(response)) {
    const std::string& asked = response.effective_url;
    return RateLimitError(response, shown,
                          HeedsGithubToken(asked.empty() ? url : asked));
  }
  std::string message = absl::StrCat(
      "cannot fetch ", shown, ": the server answered HTTP ", response.status);
  Metadata metadata = {{"url", shown},
                       {"http_status", absl::StrCat(response.status)}};
  switch (response.status) {
    case 404:
    case 410:
      absl::StrAppend(&message,
                      ", there is nothing at this address; check the URL");
      return ReasonError(not_found, message, metadata);
    case 401:
    case 403:
      absl::StrAppend(&message,
                      ", it does not give this to us; check the URL, or ask "
                      "its owner for access");
      return ReasonError(Reason::kUpstreamForbidden, message, metadata);
    default:
      break;
  }
  if (auto wait = AskedWait(response, absl::Now())) {
    absl::StrAppend(&message, " and asks to wait ", absl::FormatDuration(*wait),
                    "; try again then");
    metadata["retry_after_ms"] = absl::StrCat(absl::ToInt64Milliseconds(*wait));
  } else {
    absl::StrAppend(&message, response.status >= 500
                                  ? ", a failure of its own; try again later"
                                  : ", which is no answer to this; check the "
                                    "URL");
  }
  metadata["cause"] = "status";
  return ReasonError(Reason::kUpstreamUnavailable, message, metadata);
}

}  // namespace hubd
