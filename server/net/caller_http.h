// HTTP to a repository's host with what the caller lends.

#ifndef HUBD_SERVER_NET_CALLER_HTTP_H_
#define HUBD_SERVER_NET_CALLER_HTTP_H_

#include <optional>
#include <stop_token>
#include <utility>

#include "absl/status/status.h"
#include "server/net/credentials.h"
#include "server/net/git_source.h"
#include "server/net/http_transport.h"

namespace hubd {

// For the requests of one flight about one repository. Each is made as nobody's
// first. Where the host refuses it (401, 403, 404; 429, against which a token
// may help), the caller's credentials are shown, one after the other, until one
// is accepted, which then goes with all that follows. Requests to other hosts
// than the repository's pass as they are. All go by the caller's network.
//
// Thread-compatible. Fetch's handler sees one response, as ever: the accepted
// one, else the refusal of nobody's request, and then its error also says what
// was tried. `http` must outlive it.
class CallerHttp final : public HttpTransport {
 public:
  CallerHttp(HttpTransport& http, GitSource source,
             const CredentialOptions& options)
      : http_(http), source_(std::move(source)), options_(options) {}

  // Besides those of HttpTransport: UPSTREAM_FORBIDDEN where the source is
  // already refused and no credential is accepted.
  absl::Status Fetch(const HttpRequest& request, HttpHandler& handler,
                     std::stop_token stop) override;

 private:
  // A request that has the source's network.
  absl::Status FetchBySource(const HttpRequest& request, HttpHandler& handler,
                             std::stop_token stop);

  // Shows the credentials that there are. `refusal`: of nobody's request.
  absl::Status FetchAsCaller(const HttpRequest& request,
                             const std::optional<HttpResponse>& refusal,
                             HttpHandler& handler, const std::stop_token& stop);

  HttpTransport& http_;
  const GitSource source_;
  const CredentialOptions options_;
  std::optional<Credential> accepted_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_NET_CALLER_HTTP_H_
