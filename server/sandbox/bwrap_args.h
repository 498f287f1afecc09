// A policy in bubblewrap's words.

#ifndef HUBD_SERVER_SANDBOX_BWRAP_ARGS_H_
#define HUBD_SERVER_SANDBOX_BWRAP_ARGS_H_

#include <string>
#include <vector>

#include "server/sandbox/policy.h"

namespace hubd {

// Descriptors that bubblewrap reads, writes and closes by itself.
struct BwrapFds {
  int seccomp = -1;
  int status = -1;
  // One for each of the policy's data files, in their order.
  std::vector<int> data;
};

// The options, without the program. Looks at the host's /bin, /lib and so on,
// which are links on some systems and directories on others.
std::vector<std::string> BwrapArgs(const SandboxPolicy& policy,
                                   const BwrapFds& fds);

}  // namespace hubd

#endif  // HUBD_SERVER_SANDBOX_BWRAP_ARGS_H_
