#include "server/net/mirrors.h"

#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "server/base/log.h"
#include "server/base/status.h"
#include "server/net/url_policy.h"

namespace hubd {
namespace {

constexpr absl::string_view kScheme = "://";

// "/o/r?q" of "https://host/o/r?q".
absl::string_view AfterHost(absl::string_view url) {
  const size_t scheme = url.find(kScheme);
  const size_t path = url.find('/', scheme + kScheme.size());
  return path == absl::string_view::npos ? "" : url.substr(path);
}

// Whether a part of the path would lead up again: beside the mirror's own
// place, that is.
bool HasDotParts(absl::string_view path) {
  path = path.substr(0, path.find_first_of("?#"));
  for (absl::string_view part : absl::StrSplit(path, '/')) {
    const std::string plain =
        absl::StrReplaceAll(part, {{"%2e", "."}, {"%2E", "."}});
    if (plain == "." || plain == "..") return true;
  }
  return false;
}

// What follows `prefix` in `url`; nullopt where the URL does not begin so.
std::optional<absl::string_view> RestOf(absl::string_view url,
                                        absl::string_view prefix) {
  absl::StatusOr<Url> whole = ParseUrl(url);
  absl::StatusOr<Url> begin = ParseUrl(prefix);
  if (!whole.ok() || !begin.ok() || whole->scheme != begin->scheme ||
      whole->host != begin->host || whole->port != begin->port) {
    return std::nullopt;
  }
  absl::string_view path = AfterHost(url);
  if (HasDotParts(path)) return std::nullopt;
  absl::string_view wanted = AfterHost(prefix);
  const bool knows_case = whole->host != "github.com";
  const auto begins = [&](absl::string_view text) {
    return knows_case ? absl::StartsWith(path, text)
                      : absl::StartsWithIgnoreCase(path, text);
  };
  if (begins(wanted)) return path.substr(wanted.size());
  // The repository that `from` is all about.
  absl::ConsumeSuffix(&wanted, "/");
  if (begins(wanted) && path.size() == wanted.size()) return "";
  return std::nullopt;
}

// Whether it is a source's own answer, or its silence, that something is not to
// be had there.
bool IsAnswer(const absl::Status& status) {
  const std::optional<Reason> reason = ReasonOf(status);
  if (!reason) return false;
  switch (*reason) {
    case Reason::kRepoNotFound:
    case Reason::kRefNotFound:
    case Reason::kCheckpointNotFound:
    case Reason::kInvalidUrl:
    case Reason::kUrlNotAllowed:
    case Reason::kUpstreamForbidden:
    case Reason::kUpstreamUnavailable:
    case Reason::kRateLimited:
    case Reason::kDigestMismatch:
    case Reason::kBadArchive:
      return true;
    default:
      return false;
  }
}

// In a word or two: the whole of it is in the log.
std::string ShortReason(const absl::Status& status) {
  Metadata metadata = MetadataOf(status);
  if (!metadata["http_status"].empty()) {
    return absl::StrCat("HTTP ", metadata["http_status"]);
  }
  if (!metadata["cause"].empty()) return metadata["cause"];
  return std::string(ReasonName(*ReasonOf(status)));
}

}  // namespace

absl::Status CheckMirrorPrefix(absl::string_view prefix, bool allow_http) {
  absl::StatusOr<Url> url = ParseUrl(prefix);
  if (url.ok() && url->scheme == "http" && !allow_http) {
    return absl::InvalidArgumentError(
        "expected https://; whoever is on the way can change what comes by "
        "http (net.allow_http = true takes that)");
  }
  if (!url.ok() || !absl::EndsWith(prefix, "/") ||
      prefix.find_first_of("?#") != absl::string_view::npos) {
    return absl::InvalidArgumentError(
        "expected the beginning of URLs up to a slash, such as "
        "\"https://git.example.org/github/\"");
  }
  return absl::OkStatus();
}

std::vector<Source> Mirrors::SourcesOf(const std::string& url,
                                       bool origin_first) const {
  const Mirror* longest = nullptr;
  absl::string_view rest;
  for (const Mirror& mirror : mirrors_) {
    std::optional<absl::string_view> found = RestOf(url, mirror.from);
    if (!found) continue;
    if (longest == nullptr || found->size() < rest.size()) {
      longest = &mirror;
      rest = *found;
    }
  }
  std::vector<Source> sources;
  if (origin_first) sources.push_back({url});
  if (longest != nullptr) {
    for (const std::string& to : longest->to) {
      std::string there = absl::StrCat(to, rest);
      if (!absl::EndsWith(url, "/")) {
        there = std::string(absl::StripSuffix(there, "/"));
      }
      sources.push_back({std::move(there), true, connect_timeout_});
    }
  }
  if (!origin_first) sources.push_back({url});
  return sources;
}

absl::Status AskInTurn(const std::vector<Source>& sources,
                       const std::function<absl::Status(const Source&)>& ask) {
  absl::Status origin;
  std::string tried;
  for (const Source& source : sources) {
    absl::Status status = ask(source);
    if (status.ok() || !IsAnswer(status)) return status;
    if (!source.is_mirror) {
      origin = std::move(status);
      if (!IsSilence(origin)) break;
      continue;
    }
    const std::string shown = RedactUrl(source.url);
    HUBD_LOG(kWarning) << "event=mirror_failed url=" << LogQuote(shown)
                       << " why=" << LogQuote(status.message());
    absl::StrAppend(&tried,
                    tried.empty() ? "; its mirrors did not help: " : ", ",
                    shown, " (", ShortReason(status), ")");
  }
  if (tried.empty()) return origin;
  return ReasonError(*ReasonOf(origin), absl::StrCat(origin.message(), tried),
                     MetadataOf(origin));
}

}  // namespace hubd
