// hubctl trust: decisions that hold for all of the caller's directories.

#ifndef HUBD_CLIENT_CLI_COMMANDS_TRUST_H_
#define HUBD_CLIENT_CLI_COMMANDS_TRUST_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/session.h"

namespace hubd {

absl::Status RunTrustLs(Session& session);
absl::Status RunTrustAdd(Session& session);
absl::Status RunTrustRm(Session& session);

// True where the repo is trusted.
absl::StatusOr<bool> RunTrustCheck(Session& session);

}  // namespace hubd

#endif  // HUBD_CLIENT_CLI_COMMANDS_TRUST_H_
