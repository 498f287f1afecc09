#include "server/net/curl_transport.h"

#include <curl/curl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/base/log.h"
#include "server/base/mutex.h"
#include "server/base/status.h"
#include "server/net/curl_hop.h"
#include "server/net/network_route.h"

namespace hubd {
namespace {

constexpr size_t kMaxIdleHandles = 32;

// Of the others nobody knows whom they are for: a host may name any as the one
// that holds its token.
bool IsForAnyHost(const std::string& header) {
  static constexpr absl::string_view kNames[] = {
      "accept:",   "content-type:",  "git-protocol:",
      "if-match:", "if-none-match:", "if-modified-since:",
      "if-range:", "pragma:",        "range:",
  };
  return absl::c_any_of(kNames, [&](absl::string_view name) {
    return absl::StartsWithIgnoreCase(header, name);
  });
}

// `location` as a browser would resolve it on the page `base`; empty where it
// cannot be.
std::string Resolve(const std::string& base, const std::string& location) {
  std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> url(curl_url(),
                                                          curl_url_cleanup);
  constexpr unsigned kFlags = CURLU_NON_SUPPORT_SCHEME | CURLU_URLENCODE;
  char* text = nullptr;
  if (curl_url_set(url.get(), CURLUPART_URL, base.c_str(), kFlags) !=
          CURLUE_OK ||
      curl_url_set(url.get(), CURLUPART_URL, location.c_str(), kFlags) !=
          CURLUE_OK ||
      curl_url_get(url.get(), CURLUPART_URL, &text, 0) != CURLUE_OK) {
    return "";
  }
  std::string resolved = text;
  curl_free(text);
  return resolved;
}

// What is only for the host that was asked, a redirect to another one loses.
void LeaveOutSecrets(HttpRequest& request) {
  std::erase_if(request.headers, std::not_fn(IsForAnyHost));
  request.netrc_file.clear();
}

// The failure of a hop names its URL; who made the request knows another one.
absl::Status NameAsked(const absl::Status& failure, const std::string& asked) {
  const std::string shown = RedactUrl(asked);
  const Metadata metadata = MetadataOf(failure);
  const auto named = metadata.find("url");
  const std::optional<Reason> reason = ReasonOf(failure);
  if (!reason || named == metadata.end() || named->second == shown) {
    return failure;
  }
  return ReasonError(
      *reason, absl::StrCat(failure.message(), "; ", shown, " redirects there"),
      metadata);
}

FetchDeadlines::Time After(absl::Duration duration) {
  if (duration > absl::Hours(24 * 365)) return FetchDeadlines::Time::max();
  return std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(duration);
}

void InitCurlOnce() {
  static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
  HUBD_CHECK(code == CURLE_OK);
}

class CurlTransport final : public HttpTransport {
 public:
  explicit CurlTransport(CurlSettings settings)
      : settings_(std::move(settings)) {}

  absl::Status Fetch(const HttpRequest& request, HttpHandler& handler,
                     std::stop_token stop) override;

 private:
  // Whose connections may be used for whom.
  struct Kind {
    // A connection is judged when it is opened, and the rule is stricter after
    // a public hop: it could reuse one that the laxer rule let open.
    bool from_public = false;
    // A caller's tunnel through a proxy, or trust in a certificate, is not
    // another's.
    NetworkRoute route;

    friend bool operator==(const Kind&, const Kind&) = default;
  };
  struct Idle {
    Kind kind;
    CurlEasy easy;
  };

  CurlEasy Acquire(const Kind& kind);
  void Release(const Kind& kind, CurlEasy easy);

  const CurlSettings settings_;

  Mutex mutex_;
  // Handles, which keep their connections; the oldest is first.
  std::deque<Idle> idle_ ABSL_GUARDED_BY(mutex_);
};

CurlEasy CurlTransport::Acquire(const Kind& kind) {
  {
    MutexLock lock(mutex_);
    const auto newest =
        std::find_if(idle_.rbegin(), idle_.rend(),
                     [&](const Idle& idle) { return idle.kind == kind; });
    if (newest != idle_.rend()) {
      CurlEasy easy = std::move(newest->easy);
      idle_.erase(std::next(newest).base());
      return easy;
    }
  }
  CurlEasy easy(curl_easy_init());
  HUBD_CHECK(easy != nullptr);
  return easy;
}

void CurlTransport::Release(const Kind& kind, CurlEasy easy) {
  curl_easy_reset(easy.get());
  // Closes its connections without the lock.
  Idle oldest;
  MutexLock lock(mutex_);
  idle_.push_back({kind, std::move(easy)});
  if (idle_.size() <= kMaxIdleHandles) return;
  oldest = std::move(idle_.front());
  idle_.pop_front();
}

absl::Status CurlTransport::Fetch(const HttpRequest& request,
                                  HttpHandler& handler, std::stop_token stop) {
  HUBD_RETURN_IF_ERROR(settings_.policy.CheckUrl(request.url));
  const FetchDeadlines deadlines = {After(request.timeout),
                                    After(request.answer_timeout)};
  HttpRequest asked = request;
  std::string url = request.url;
  bool from_public = request.from_public;
  CurlHop::Headers redirect_headers;
  for (int hops = 0; hops <= settings_.net.max_redirects; ++hops) {
    const Kind kind = {from_public,
                       RouteTo(url, settings_.net, request.network)};
    CurlEasy easy = Acquire(kind);
    CurlHop hop(settings_, easy.get(), asked, url, kind.route, from_public,
                redirect_headers, deadlines, handler, stop);
    absl::StatusOr<std::optional<std::string>> location = hop.Run();
    const bool is_public = location.ok() && hop.IsPublic();
    Release(kind, std::move(easy));
    HUBD_RETURN_IF_ERROR(NameAsked(location.status(), request.url));
    if (!*location) return absl::OkStatus();
    std::string next = Resolve(url, **location);
    if (absl::Status status = settings_.policy.CheckRedirect(url, next);
        !status.ok()) {
      return RefusedUrl(status, request.url);
    }
    if (hop.status() < 307 && !request.post_again && asked.method == "POST") {
      asked.method = "GET";
    }
    if (!SameOrigin(url, next)) {
      LeaveOutSecrets(asked);
      if (redirect_headers.empty()) redirect_headers = hop.headers();
    }
    from_public = from_public || is_public;
    url = std::move(next);
  }
  return FetchError(
      request.url, "redirect",
      absl::StrCat("it redirects more than ", settings_.net.max_redirects,
                   " times; check the URL"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<HttpTransport>> CreateCurlTransport(
    NetOptions options, UrlPolicy policy) {
  InitCurlOnce();
  if (!options.ca_file.empty() && access(options.ca_file.c_str(), R_OK) != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "[net] ca_file: ", LogQuote(options.ca_file), " cannot be read"));
  }
  CurlList connect_to;
  for (const std::string& entry : options.connect_to) {
    if (std::count(entry.begin(), entry.end(), ':') < 3) {
      return absl::InvalidArgumentError(
          absl::StrCat("[net] connect_to: ", LogQuote(entry),
                       " is not HOST:PORT:HOST:PORT"));
    }
    Append(connect_to, entry);
  }
  return std::unique_ptr<HttpTransport>(
      std::make_unique<CurlTransport>(CurlSettings{
          std::move(options), std::move(policy), std::move(connect_to)}));
}

}  // namespace hubd
