// How the daemon connects.

#ifndef HUBD_SERVER_NET_NET_OPTIONS_H_
#define HUBD_SERVER_NET_NET_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace hubd {

// Where and how the daemon connects: [net] of the configuration.
struct NetOptions {
  // PEM file that replaces the system's certificates; empty: the caller's
  // (server/net/network_route.h), else the system's.
  std::string ca_file = {};
  // As curl's --proxy, for all requests; empty: the caller's, else none. The
  // daemon's environment is not asked. The
  // proxy resolves names, so that behind one the policy judges only the hosts
  // that are written as numbers or as localhost.
  std::string proxy = {};
  // As curl's --connect-to: "HOST:PORT:HOST:PORT".
  std::vector<std::string> connect_to = {};
  absl::Duration connect_timeout = absl::Seconds(15);
  // A transfer below stall_rate bytes a second for this long is given up; the
  // time that the bytes are held back here does not count.
  absl::Duration stall_timeout = absl::Seconds(30);
  int64_t stall_rate = 1024;
  int max_redirects = 10;
};

}  // namespace hubd

#endif  // HUBD_SERVER_NET_NET_OPTIONS_H_
