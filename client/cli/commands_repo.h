// hubctl list, help, load.

#ifndef HUBD_CLIENT_CLI_COMMANDS_REPO_H_
#define HUBD_CLIENT_CLI_COMMANDS_REPO_H_

#include "absl/status/status.h"
#include "client/cli/session.h"

namespace hubd {

absl::Status RunList(Session& session);
absl::Status RunHelp(Session& session);
absl::Status RunLoad(Session& session);

}  // namespace hubd

#endif  // HUBD_CLIENT_CLI_COMMANDS_REPO_H_
