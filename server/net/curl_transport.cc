#include "server/net/curl_transport.h"

#include <curl/curl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/base/log.h"
#include "server/base/mutex.h"
#include "server/base/status.h"
#include "server/net/curl_hop.h"

namespace hubd {
namespace {

constexpr size_t kMaxIdleHandles = 16;

bool IsSecretHeader(const std::string& header) {
  return absl::StartsWithIgnoreCase(header, "authorization:") ||
         absl::StartsWithIgnoreCase(header, "cookie:");
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
  CurlEasy Acquire(bool from_public);
  void Release(bool from_public, CurlEasy easy);

  const CurlSettings settings_;

  Mutex mutex_;
  // Handles keep their connections. A connection is judged when it is opened,
  // and the rule is stricter after a public hop: such hops have handles of
  // their own ([1]), or they could reuse a connection that the laxer rule let
  // open.
  std::vector<CurlEasy> idle_[2] ABSL_GUARDED_BY(mutex_);
};

CurlEasy CurlTransport::Acquire(bool from_public) {
  {
    MutexLock lock(mutex_);
    std::vector<CurlEasy>& idle = idle_[from_public];
    if (!idle.empty()) {
      CurlEasy easy = std::move(idle.back());
      idle.pop_back();
      return easy;
    }
  }
  CurlEasy easy(curl_easy_init());
  HUBD_CHECK(easy != nullptr);
  return easy;
}

void CurlTransport::Release(bool from_public, CurlEasy easy) {
  curl_easy_reset(easy.get());
  MutexLock lock(mutex_);
  std::vector<CurlEasy>& idle = idle_[from_public];
  if (idle.size() < kMaxIdleHandles) idle.push_back(std::move(easy));
}

absl::Status CurlTransport::Fetch(const HttpRequest& request,
                                  HttpHandler& handler, std::stop_token stop) {
  HUBD_RETURN_IF_ERROR(settings_.policy.CheckUrl(request.url));
  const FetchDeadlines deadlines = {After(request.timeout),
                                    After(request.answer_timeout)};
  HttpRequest asked = request;
  std::string url = request.url;
  bool from_public = request.from_public;
  bool elsewhere = false;
  CurlHop::Headers redirect_headers;
  for (int hops = 0; hops <= settings_.net.max_redirects; ++hops) {
    CurlEasy easy = Acquire(from_public);
    CurlHop hop(settings_, easy.get(), asked, url, from_public,
                redirect_headers, deadlines, handler, stop);
    absl::StatusOr<std::optional<std::string>> location = hop.Run();
    const bool is_public = location.ok() && hop.IsPublic();
    Release(from_public, std::move(easy));
    HUBD_RETURN_IF_ERROR(location.status());
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
      std::erase_if(asked.headers, IsSecretHeader);
      asked.netrc_file.clear();
      if (!std::exchange(elsewhere, true)) redirect_headers = hop.headers();
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
