// hubctl lock.

#ifndef HUBD_CLIENT_CLI_COMMANDS_LOCK_H_
#define HUBD_CLIENT_CLI_COMMANDS_LOCK_H_

#include "absl/status/status.h"
#include "client/cli/session.h"

namespace hubd {

// Fetches what is named, or all that the lock file has, and writes its entries.
// The file changes as a whole, and only if all could be fetched.
absl::Status RunLock(Session& session);

}  // namespace hubd

#endif  // HUBD_CLIENT_CLI_COMMANDS_LOCK_H_
