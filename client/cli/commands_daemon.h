// hubctl get-dir, status, whoami.

#ifndef HUBD_CLIENT_CLI_COMMANDS_DAEMON_H_
#define HUBD_CLIENT_CLI_COMMANDS_DAEMON_H_

#include "absl/status/status.h"
#include "client/cli/session.h"

namespace hubd {

absl::Status RunGetDir(Session& session);
absl::Status RunStatus(Session& session);
absl::Status RunWhoami(Session& session);

}  // namespace hubd

#endif  // HUBD_CLIENT_CLI_COMMANDS_DAEMON_H_
