// HTTP as the rest of the daemon sees it. No libcurl type appears here.

#ifndef HUBD_SERVER_NET_HTTP_TRANSPORT_H_
#define HUBD_SERVER_NET_HTTP_TRANSPORT_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/caller_environment.h"
#include "server/base/status.h"

namespace hubd {

struct HttpRequest {
  // GET, HEAD or POST.
  std::string method = "GET";
  std::string url;
  // "Name: value". To another host that a redirect leads to go those only that
  // say what is wanted (Accept, Content-Type, Git-Protocol, Pragma, Range,
  // If-...): any other may hold a secret.
  std::vector<std::string> headers;
  // A netrc file whose login for the host of `url`, if there is one, is shown
  // to it, and to no other host. Empty: none.
  std::string netrc_file = {};
  // NetworkOf of the caller for whom it is made, which says by which proxy and
  // with which certificates it goes, as far as the daemon's configuration does
  // not; null: nothing but that.
  LentEnvironment network = nullptr;
  // Body of a POST.
  std::string body;
  // A redirect of a POST leads to a POST again. Otherwise only one with 307 or
  // 308 does, as in browsers.
  bool post_again = false;
  // By HTTP/1.1: requests at the same time have a connection each.
  bool http1 = false;
  // IP addresses that no connection is opened to where the name has another one
  // that can be reached within a few seconds. One that is kept is used, too.
  std::vector<std::string> avoided_addresses = {};
  // Whether a public host named the URL: then it is judged like one to which
  // that host redirects.
  bool from_public = false;
  // Give up when the whole request takes longer; infinite: never.
  absl::Duration timeout = absl::InfiniteDuration();
  // Shorter than the transport's own where set.
  std::optional<absl::Duration> connect_timeout;
  // Give up when the final response has not begun after this time; seen within
  // a second.
  absl::Duration answer_timeout = absl::InfiniteDuration();
};

// The last response, after redirects.
struct HttpResponse {
  int status = 0;
  // Names in lower case; of repeated ones the last.
  std::map<std::string, std::string> headers;
  // Where the redirects led.
  std::string effective_url;
  // What the asked URL's own scheme, host and port said when it first led to
  // others, as in `headers`; empty where it did not.
  std::map<std::string, std::string> redirect_headers = {};
  // Content-Length; -1 where the server gave none or the body is encoded.
  int64_t content_length = -1;
  // Whether this host or one that redirected to it is on the public internet.
  bool from_public = false;
  // Whether the end of the body is marked by the protocol: a length, chunks, or
  // HTTP/2. Without it, a body that is cut looks whole.
  bool framed = true;
  // Whether the netrc file had a login for the host, which was shown to it.
  bool netrc_used = false;
};

// Takes one response. Called on the thread that called Fetch, in this order:
// OnResponse once, then OnBody any number of times. A failed status ends the
// request and becomes Fetch's result.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  virtual absl::Status OnResponse(const HttpResponse& response) = 0;
  virtual absl::Status OnBody(absl::string_view bytes) = 0;
};

// Thread-safe. Fetch blocks.
class HttpTransport {
 public:
  virtual ~HttpTransport() = default;

  // Sends the request, follows redirects under the policy, hands the final
  // response to the handler. OK means that a response came and that its body is
  // whole (as long as its length or chunks said), whatever its status code.
  //
  // Errors: INVALID_URL, URL_NOT_ALLOWED; UPSTREAM_UNAVAILABLE for DNS,
  // connection, TLS, time-outs, a stall, a body cut short, too many redirects,
  // headers over 1 MiB; CANCELLED when `stop` was requested (seen within a
  // second). The message names the URL without its query. UPSTREAM_UNAVAILABLE
  // has the metadata `url` and `cause`: dns, connect, tls, timeout, stall, cut,
  // redirect, headers, proxy (it refuses, or cannot be used) or protocol (what
  // came is no HTTP, or its encoding cannot be undone); and, unless a proxy
  // was asked, `address`: the IP address that failed, where one was reached. No
  // message holds a proxy's password.
  virtual absl::Status Fetch(const HttpRequest& request, HttpHandler& handler,
                             std::stop_token stop) = 0;
};

// The header of that name, which is in lower case; empty where there is none.
std::string HeaderOf(const HttpResponse& response, const std::string& name);

// Whether the body came in another form than the object's own.
bool IsEncoded(const HttpResponse& response);

// Whether the server refuses since it was asked too often: 429, or 403 with
// x-ratelimit-remaining: 0 or retry-after.
bool IsRateLimit(const HttpResponse& response);

// The error that a response with a status other than 2xx means, for `what` at
// `url`: `not_found` for 404 and 410, RATE_LIMITED (with retry_after_ms) for a
// rate limit, UPSTREAM_FORBIDDEN for 401 and 403, UPSTREAM_UNAVAILABLE for the
// rest. GitHub's limit names GITHUB_TOKEN as
// a way out only where tokens are heeded.
absl::Status ErrorOfResponse(const HttpResponse& response,
                             absl::string_view url, Reason not_found);

}  // namespace hubd

#endif  // HUBD_SERVER_NET_HTTP_TRANSPORT_H_
