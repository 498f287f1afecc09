// Which system calls a sandbox may make.

#ifndef HUBD_SERVER_SANDBOX_FILTER_H_
#define HUBD_SERVER_SANDBOX_FILTER_H_

#include "absl/status/statusor.h"
#include "server/base/unique_fd.h"

namespace hubd {

struct FilterOptions {
  // Allow TCP and UDP sockets beside those of the unix family.
  bool inet = false;
};

// A seccomp program, an allow list, in a sealed memfd as bubblewrap's --seccomp
// takes it. A call that is not on the list answers ENOSYS, a dangerous one
// EPERM, a lock on a file ENOLCK; a call of another architecture ends the
// process with SIGSYS.
absl::StatusOr<UniqueFd> BuildFilter(const FilterOptions& options);

}  // namespace hubd

#endif  // HUBD_SERVER_SANDBOX_FILTER_H_
