// Spawning the launcher stage.

#ifndef HUBD_SERVER_SANDBOX_SPAWN_H_
#define HUBD_SERVER_SANDBOX_SPAWN_H_

#include <sys/types.h>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/unique_fd.h"
#include "server/sandbox/policy.h"

namespace hubd {

// A started launcher stage and this side of its pipes, which do not block.
struct Spawned {
  pid_t pid = 0;
  UniqueFd pidfd;
  UniqueFd output;
  UniqueFd result;
  // Where bubblewrap reports, as JSON lines.
  UniqueFd status;
};

// Spawns the launcher stage for `policy`. It ends with the calling
// thread.
absl::StatusOr<Spawned> SpawnLauncher(const SandboxPolicy& policy,
                                      absl::string_view request);

// A pidfd for a process that has not been waited for.
UniqueFd OpenPidfd(pid_t pid);

}  // namespace hubd

#endif  // HUBD_SERVER_SANDBOX_SPAWN_H_
