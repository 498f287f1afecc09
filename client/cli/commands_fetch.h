// hubctl fetch.

#ifndef HUBD_CLIENT_CLI_COMMANDS_FETCH_H_
#define HUBD_CLIENT_CLI_COMMANDS_FETCH_H_

#include "absl/status/status.h"
#include "client/cli/session.h"

namespace hubd {

absl::Status RunFetch(Session& session);

}  // namespace hubd

#endif  // HUBD_CLIENT_CLI_COMMANDS_FETCH_H_
