// By which proxy and with which certificates a request goes.

#ifndef HUBD_SERVER_NET_NETWORK_ROUTE_H_
#define HUBD_SERVER_NET_NETWORK_ROUTE_H_

#include <string>

#include "absl/strings/string_view.h"
#include "server/base/caller_environment.h"
#include "server/net/net_options.h"

namespace hubd {

// What the configuration or a caller's variable says, and what to call it in
// messages. The value may hold a password: only the name is shown.
struct NamedValue {
  std::string name;
  std::string value;

  friend bool operator==(const NamedValue&, const NamedValue&) = default;
};

// A value. Connections are shared only where it is the same.
struct NetworkRoute {
  // As curl's --proxy; no value: none.
  NamedValue proxy;
  // PEM file in place of the system's certificates; no value: these.
  NamedValue ca_file;

  friend bool operator==(const NetworkRoute&, const NetworkRoute&) = default;
};

// Of what a caller lends, the variables that say how it reaches the network, as
// far as they have a value. Null where nothing is lent.
LentEnvironment NetworkOf(const LentEnvironment& environment);

// What tells the requests of callers with different networks apart, without
// giving them away; empty where a network says nothing.
std::string NetworkKey(const LentEnvironment& network);

// The way to an http or https URL: what `own`, the daemon's, sets; else what
// the caller's network says, read as curl does:
//   proxy    SCHEME_proxy, then its upper case, but HTTP_PROXY, which a web
//            server sets from a request; then all_proxy, ALL_PROXY; none for
//            the hosts of no_proxy, else NO_PROXY; one of socks4 or socks5 is
//            asked by name, as one of socks4a or socks5h;
//   ca_file  CURL_CA_BUNDLE, then SSL_CERT_FILE.
// Of one that is empty the next counts.
NetworkRoute RouteTo(absl::string_view url, const NetOptions& own,
                     const LentEnvironment& network);

// Whether a list like that of NO_PROXY names the host (as in Url): "*" alone,
// or domains with all below them, and addresses with or without "/BITS",
// between commas or blanks.
bool NamesHost(absl::string_view list, absl::string_view host);

}  // namespace hubd

#endif  // HUBD_SERVER_NET_NETWORK_ROUTE_H_
