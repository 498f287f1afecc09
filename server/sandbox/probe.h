// Whether sandboxes can be had here.

#ifndef HUBD_SERVER_SANDBOX_PROBE_H_
#define HUBD_SERVER_SANDBOX_PROBE_H_

#include <string>

#include "server/sandbox/policy.h"

namespace hubd {

struct SandboxSupport {
  bool full = false;
  // One line: why not, and the way out. Empty when `full`.
  std::string reason;

  // The word for it on the wire.
  std::string Level() const { return full ? "full" : "none"; }
};

// Runs /usr/bin/true once under `policy`. Takes some 20 ms.
SandboxSupport ProbeSandbox(SandboxPolicy policy = InspectPolicy());

}  // namespace hubd

#endif  // HUBD_SERVER_SANDBOX_PROBE_H_
