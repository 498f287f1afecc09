// Connects to a daemon's socket and looks at who listens there.

#ifndef HUBD_CLIENT_PEER_H_
#define HUBD_CLIENT_PEER_H_

#include <sys/types.h>

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "client/call_limit.h"
#include "server/base/unique_fd.h"

namespace hubd {

// Whether a client of `own` sends anything to a daemon of `peer`: its own uid,
// root, or the service's user, where there is one.
bool BelievesPeer(uid_t peer, uid_t own, std::optional<uid_t> service);

// A non-blocking connection to the socket at `path`, whose peer is believed.
// NOT_FOUND says why nobody can be reached there. UNAVAILABLE where another
// user's process answers: nothing may be sent there.
absl::StatusOr<UniqueFd> ConnectToDaemon(const std::string& path,
                                         const CallLimit& limit);

}  // namespace hubd

#endif  // HUBD_CLIENT_PEER_H_
