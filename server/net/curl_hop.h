// One HTTP request on one libcurl handle. Part of CurlTransport.

#ifndef HUBD_SERVER_NET_CURL_HOP_H_
#define HUBD_SERVER_NET_CURL_HOP_H_

#include <curl/curl.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/status.h"
#include "server/net/body_decoder.h"
#include "server/net/http_transport.h"
#include "server/net/net_options.h"
#include "server/net/network_route.h"
#include "server/net/url_policy.h"

namespace hubd {

struct FreeCurlEasy {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
using CurlEasy = std::unique_ptr<CURL, FreeCurlEasy>;

struct FreeCurlList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using CurlList = std::unique_ptr<curl_slist, FreeCurlList>;

// Appends to a list.
void Append(CurlList& list, const std::string& text);

struct Explanation;

// What all requests of one transport have in common.
struct CurlSettings {
  NetOptions net;
  UrlPolicy policy;
  CurlList connect_to;
};

// UPSTREAM_UNAVAILABLE with its metadata; `why` in words.
absl::Status FetchError(absl::string_view url, absl::string_view cause,
                        absl::string_view why, absl::string_view address = "");

// URL_NOT_ALLOWED for `url`, with the words of `refusal`.
absl::Status RefusedUrl(const absl::Status& refusal, absl::string_view url);

// When a request is given up; max() for never. Steady, since the machine's time
// may jump.
struct FetchDeadlines {
  using Time = std::chrono::steady_clock::time_point;
  Time whole = Time::max();
  // The final response has begun by then.
  Time answer = Time::max();
};

// One request and its response on one handle, without following a redirect.
// Confined to the thread that runs it.
class CurlHop {
 public:
  using Headers = std::map<std::string, std::string>;

  // `route`: how it goes to `url`. `from_public`: an earlier hop went to a
  // public address. `redirect_headers`: as the response is to have them.
  CurlHop(const CurlSettings& settings, CURL* easy, const HttpRequest& request,
          std::string url, NetworkRoute route, bool from_public,
          const Headers& redirect_headers, FetchDeadlines deadlines,
          HttpHandler& handler, std::stop_token stop)
      : settings_(settings),
        easy_(easy),
        request_(request),
        url_(std::move(url)),
        route_(std::move(route)),
        from_public_(from_public),
        redirect_headers_(redirect_headers),
        deadlines_(deadlines),
        handler_(handler),
        stop_(std::move(stop)) {}

  // What the server's Location says, as it came; nullopt where the response was
  // the final one and the handler has had all of it.
  absl::StatusOr<std::optional<std::string>> Run();

  // Whether the server is on the public internet. REQUIRES: it has answered.
  bool IsPublic() const;

  int status() const { return response_.status; }
  const Headers& headers() const { return response_.headers; }

 private:
  template <class T>
  void Set(CURLoption option, T value) {
    HUBD_CHECK(curl_easy_setopt(easy_, option, value) == CURLE_OK);
  }
  void SetConnection();
  void SetRequest();
  void SetTimes(absl::Duration connect_timeout);
  void SetCallbacks();
  absl::Status CheckProxied() const;

  // Without the addresses that are avoided, then with them.
  CURLcode Perform();

  // Each says whether the transfer goes on; if not, failure_ says why.
  bool OnHeader(absl::string_view line);
  bool OnHeadersEnd();
  bool OnBody(absl::string_view bytes);
  bool TakeBody(absl::string_view bytes);
  // `moved`: how many bytes of bodies have come and gone.
  bool OnTick(int64_t moved);
  bool IsStalled(int64_t moved);
  int OpenSocket(const curl_sockaddr& address);

  absl::Duration ConnectTimeout() const;

  // Of the server; empty: not connected, or through a proxy.
  std::string ServerAddress() const;
  absl::Status Error(absl::string_view cause, absl::string_view why) const;
  absl::Status ErrorOf(CURLcode code) const;
  absl::Status TimeoutError() const;
  absl::Status StallError() const;
  absl::Status HeadersError(absl::string_view detail) const;
  absl::Status BodyError(absl::string_view why) const;
  absl::Status ExplainedError(const Explanation& explanation,
                              absl::string_view detail) const;
  absl::string_view Detail() const;
  bool IsProxied() const { return !route_.proxy.value.empty(); }
  bool IsRefusedByProxy() const;

  const CurlSettings& settings_;
  CURL* const easy_;
  const HttpRequest& request_;
  const std::string url_;
  const NetworkRoute route_;
  const bool from_public_;
  const Headers& redirect_headers_;
  const FetchDeadlines deadlines_;
  HttpHandler& handler_;
  const std::stop_token stop_;

  char error_text_[CURL_ERROR_SIZE] = "";
  CurlList headers_;
  int64_t header_bytes_ = 0;
  HttpResponse response_;
  // Null where the body is not encoded.
  std::unique_ptr<BodyDecoder> decoder_;
  bool http1_ = true;
  bool netrc_used_ = false;
  bool headers_done_ = false;
  bool redirecting_ = false;
  int64_t redirect_body_bytes_ = 0;
  // From then on, and behind so many bytes, is it judged whether it stalls.
  FetchDeadlines::Time judged_from_ = FetchDeadlines::Time::max();
  int64_t judged_bytes_ = 0;
  absl::Status failure_;
  absl::Status refused_address_;
  bool avoids_addresses_ = false;
};

}  // namespace hubd

#endif  // HUBD_SERVER_NET_CURL_HOP_H_
