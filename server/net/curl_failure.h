// Why a transfer of libcurl's failed, in words. Part of CurlTransport.

#ifndef HUBD_SERVER_NET_CURL_FAILURE_H_
#define HUBD_SERVER_NET_CURL_FAILURE_H_

#include <curl/curl.h>

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "server/net/network_route.h"

namespace hubd {

// What went wrong, and what can be done about it.
struct Explanation {
  // As in HttpTransport::Fetch.
  std::string cause;
  std::string words;
  std::string way_out;
};

constexpr absl::string_view kTryLater = "try again later";
constexpr absl::string_view kCheckUrl = "check the URL";
constexpr absl::string_view kCheckNetwork =
    "check the URL and this machine's network";

// "words (detail); way out".
std::string Say(const Explanation& explanation, absl::string_view detail);

// "the proxy HOST:PORT (VARIABLE)": without its credentials.
std::string NameOf(const NamedValue& proxy);

// What is wrong with a proxy's address itself; nullopt: nothing.
std::optional<Explanation> CheckProxy(const NamedValue& proxy);

// The proxy wants credentials that it has not got (407).
Explanation ProxyRefusal(const NamedValue& proxy);

// What `code` means as the end of a transfer that went by `route`. `detail`:
// curl's own words. `callers`: whether callers' variables can mend it.
Explanation Explain(CURL* easy, CURLcode code, absl::string_view detail,
                    const NetworkRoute& route, bool callers);

}  // namespace hubd

#endif  // HUBD_SERVER_NET_CURL_FAILURE_H_
