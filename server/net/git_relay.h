// Plays a git server to a git that has no network.

#ifndef HUBD_SERVER_NET_GIT_RELAY_H_
#define HUBD_SERVER_NET_GIT_RELAY_H_

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/net/http_transport.h"

namespace hubd {

struct GitRelayOptions {
  // The host must connect and begin to answer within this time.
  absl::Duration connect_timeout = absl::Seconds(15);
  // By SSH, an answer may pause so long; over HTTPS that is the transport's.
  absl::Duration stall_timeout = absl::Seconds(30);
  // All that the remote may send.
  int64_t max_bytes = int64_t{8} << 30;
  // Something that the host's `fetch` must be able to do, as "filter"; else it
  // is refused. Empty: nothing.
  std::string ability = {};
};

// Gives the git at the other end of `socket` the answers of the repository at
// `url` (https://host/owner/name) to what it asks, in version 2 of git's
// protocol: each question is one request over `http`, whose time-outs, proxy,
// certificates and URL policy are thus git's. A redirect of the first request
// (a renamed repository) holds for those that follow, and so does "name.git"
// where "name" is nothing. Blocks until git closes
// its end: OK, whatever it made of the answers.
//
// `received` is told of all bytes so far. Errors: those of CheckGitResponse and
// HttpTransport::Fetch; UPSTREAM_UNAVAILABLE where the host speaks no version
// 2, lacks the ability, sends over max_bytes or what is no answer (one that
// ends early is followed by the end, of which git says what is wrong); ABORTED
// where git goes away while it asks or is answered; DEADLINE_EXCEEDED at
// `deadline`; CANCELLED within a second of a stop.
absl::Status RelayGit(HttpTransport& http, const std::string& url, int socket,
                      const GitRelayOptions& options, absl::Time deadline,
                      const std::function<void(int64_t)>& received,
                      const std::stop_token& stop);

}  // namespace hubd

#endif  // HUBD_SERVER_NET_GIT_RELAY_H_
