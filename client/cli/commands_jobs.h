// The commands about jobs: ls, watch, cancel, limit.

#ifndef HUBD_CLIENT_CLI_COMMANDS_JOBS_H_
#define HUBD_CLIENT_CLI_COMMANDS_JOBS_H_

#include "absl/status/status.h"
#include "client/cli/session.h"

namespace hubd {

// The one that was asked for. A watch goes on until Ctrl-C, which is no
// failure.
absl::Status RunJobs(Session& session);

}  // namespace hubd

#endif  // HUBD_CLIENT_CLI_COMMANDS_JOBS_H_
