// Runs one program once, in a sandbox of its own.

#ifndef HUBD_SERVER_SANDBOX_SANDBOX_H_
#define HUBD_SERVER_SANDBOX_SANDBOX_H_

#include <stop_token>
#include <string>

#include "absl/strings/string_view.h"
#include "server/sandbox/policy.h"

namespace hubd {

// How a run ended, as the kernel and the clock tell it; what the program said
// is in `result` and `output` and proves nothing.
struct SandboxResult {
  enum class End {
    kExited,       // By itself, with exit_status.
    kSignaled,     // By a signal that hubd did not send.
    kLimit,        // Killed at `limit`.
    kStopped,      // Killed because the caller asked for it.
    kSetupFailed,  // The program never started; `output` says why.
  };
  enum class Limit { kNone, kTime, kMemory, kOutput, kResult };

  End end = End::kSetupFailed;
  int exit_status = 0;
  int signal = 0;
  // The first limit reached.
  Limit limit = Limit::kNone;
  // What came on descriptor 4.
  std::string result;
  // What came on descriptors 1 and 2, cut to the policy's output_bytes.
  std::string output;
};

// Starts the policy's program with `request` on its descriptor 3, waits for its
// end, and returns when every process of the sandbox is gone. It has
// descriptors 0 (/dev/null), 1 and 2 (output), 3 (request, read-only) and 4
// (result).
//
// Blocks for up to the policy's time; a stop request or a limit kills the
// sandbox at once. Should this process or the calling thread end meanwhile, the
// kernel kills the sandbox.
//
// Makes this process the reaper of its orphaned descendants
// (PR_SET_CHILD_SUBREAPER). Thread-safe.
SandboxResult RunSandboxed(const SandboxPolicy& policy,
                           absl::string_view request, std::stop_token stop);

}  // namespace hubd

#endif  // HUBD_SERVER_SANDBOX_SANDBOX_H_
