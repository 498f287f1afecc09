// Git's protocol with a git-upload-pack that runs elsewhere: at the other end
// of an ssh, or on this machine.

#ifndef HUBD_SERVER_NET_GIT_TUNNEL_H_
#define HUBD_SERVER_NET_GIT_TUNNEL_H_

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/net/git_relay.h"
#include "server/net/git_source.h"

namespace hubd {

// Whether a repository is reached so, and not over HTTPS.
bool IsTunnelled(absl::string_view url);

// All refs of a repository as it lists them first, in version 0 of the
// protocol: lines up to a flush. The host must connect and begin within
// options' connect_timeout and some; max_bytes bounds the list. Errors: those
// of SshFailure; on this machine REPO_NOT_FOUND, and UPSTREAM_FORBIDDEN where
// the repository is another user's; FAILED_PRECONDITION where ssh or git is not
// installed; UPSTREAM_UNAVAILABLE where what comes is no list;
// DEADLINE_EXCEEDED; CANCELLED within a second of a stop.
absl::StatusOr<std::string> TunnelAdvertisement(const GitSource& source,
                                                const GitRelayOptions& options,
                                                absl::Time deadline,
                                                const std::stop_token& stop);

// Connects the git at the other end of `socket` with a repository, until git
// closes its end or the repository has no more to say: OK, whatever git made of
// it. `received` is told of all bytes from there. Errors as above, but what
// ends after its first byte is git's to judge; UPSTREAM_UNAVAILABLE where it
// sends over max_bytes, or what is not git's, or is silent for stall_timeout
// when it is to answer.
absl::Status TunnelGit(const GitSource& source, int socket,
                       const GitRelayOptions& options, absl::Time deadline,
                       const std::function<void(int64_t)>& received,
                       const std::stop_token& stop);

}  // namespace hubd

#endif  // HUBD_SERVER_NET_GIT_TUNNEL_H_
