// hubctl import.

#ifndef HUBD_CLIENT_CLI_COMMANDS_IMPORT_H_
#define HUBD_CLIENT_CLI_COMMANDS_IMPORT_H_

#include "absl/status/statusor.h"
#include "client/cli/session.h"

namespace hubd {

// False where there was something, and nothing of it could be taken.
absl::StatusOr<bool> RunImport(Session& session);

}  // namespace hubd

#endif  // HUBD_CLIENT_CLI_COMMANDS_IMPORT_H_
