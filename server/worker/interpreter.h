// A Python installation, as a sandbox may see it.

#ifndef HUBD_SERVER_WORKER_INTERPRETER_H_
#define HUBD_SERVER_WORKER_INTERPRETER_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hubd/v1/hub.pb.h"
#include "server/sandbox/policy.h"

namespace hubd {

// Where the sandbox has the tree, and where hubd's own code lies.
inline constexpr char kRepoInBox[] = "/repo";
inline constexpr char kHubdInBox[] = "/hubd";

// Adds to `policy` what `interpreter` needs: its prefixes, site directories and
// program, at their own paths, and its LD_LIBRARY_PATH where it points inside
// these. Returns the site directories that the sandbox will have.
//
// Paths come from a message. A prefix or program that is not there, or that
// would show more than an installation (/, a home directory, /etc, ...), is an
// error that says so; such a site directory is left out, and so is one that is
// not named site-packages or dist-packages.
absl::StatusOr<std::vector<std::string>> BindInterpreter(
    const v1::Interpreter& interpreter, SandboxPolicy& policy);

}  // namespace hubd

#endif  // HUBD_SERVER_WORKER_INTERPRETER_H_
