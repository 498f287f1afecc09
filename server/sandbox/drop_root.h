// What a launcher that root started does before it becomes somebody else.

#ifndef HUBD_SERVER_SANDBOX_DROP_ROOT_H_
#define HUBD_SERVER_SANDBOX_DROP_ROOT_H_

#include <sys/types.h>

#include "absl/status/status.h"
#include "server/sandbox/policy.h"

namespace hubd {

// Uids that no account has: systemd's table of uids lists 60706 to 61183 as
// unused. A launcher takes one by its pid, so that two sandboxes seldom share a
// uid's quotas.
inline constexpr uid_t kFirstSandboxUid = 60800;
inline constexpr uid_t kSandboxUids = 256;

// Makes this process, which root started, an unprivileged one that can still
// read the policy's binds.
//
// The binds may lie where only root can go, below /root for example. So they
// are attached in a mount namespace of this process alone, below a directory
// that everyone can pass, and `policy` gets those places as sources.
// REQUIRES: a process of one thread that is about to exec.
absl::Status DropRoot(SandboxPolicy& policy);

}  // namespace hubd

#endif  // HUBD_SERVER_SANDBOX_DROP_ROOT_H_
