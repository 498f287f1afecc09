// HttpTransport over libcurl. With CurlHop the only user of libcurl.

#ifndef HUBD_SERVER_NET_CURL_TRANSPORT_H_
#define HUBD_SERVER_NET_CURL_TRANSPORT_H_

#include <memory>

#include "absl/status/statusor.h"
#include "server/net/http_transport.h"
#include "server/net/net_options.h"
#include "server/net/url_policy.h"

namespace hubd {

// Makes a transport. Connections are kept alive between calls.
// INVALID_ARGUMENT names the setting that cannot be used.
absl::StatusOr<std::unique_ptr<HttpTransport>> CreateCurlTransport(
    NetOptions options, UrlPolicy policy);

}  // namespace hubd

#endif  // HUBD_SERVER_NET_CURL_TRANSPORT_H_
