// Finds the daemon of a root, or starts it.

#ifndef HUBD_CLIENT_DAEMON_H_
#define HUBD_CLIENT_DAEMON_H_

#include <string>

#include "absl/status/statusor.h"
#include "client/call_limit.h"
#include "server/base/unique_fd.h"

namespace hubd {

// Where a daemon is looked for.
struct DaemonPlace {
  // The root, as the caller names it: an absolute path. Where it leads is
  // looked up for each new connection, since that costs more than a call.
  std::string root;
  // This socket and no other; empty: as FindOrStartDaemon says.
  std::string socket;
  // Whether a daemon is started where none answers.
  bool autostart = true;
  // Where the system daemon listens.
  std::string system_socket = "/run/hubd/hubd.sock";

  bool operator==(const DaemonPlace&) const = default;
};

// The place that the caller's environment means: HUBD_SOCKET, HUBD_AUTOSTART.
DaemonPlace PlaceFromEnvironment(const std::string& root);

// A connection to a daemon whose peer is believed: at `socket`; else the system
// daemon; else where the root's daemon says it listens; else one that is
// started here. N callers at once start one. The descriptor does not block.
//
// UNAVAILABLE says why there is none; DEADLINE_EXCEEDED and CANCELLED come from
// `limit`. A start takes at most 30 s.
absl::StatusOr<UniqueFd> FindOrStartDaemon(const DaemonPlace& place,
                                           const CallLimit& limit);

}  // namespace hubd

#endif  // HUBD_CLIENT_DAEMON_H_
