// hubctl cache.

#ifndef HUBD_CLIENT_CLI_COMMANDS_CACHE_H_
#define HUBD_CLIENT_CLI_COMMANDS_CACHE_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/session.h"

namespace hubd {

absl::Status RunCacheLs(Session& session);

// True where nothing is damaged.
absl::StatusOr<bool> RunCacheVerify(Session& session);

// True where nothing stays damaged.
absl::StatusOr<bool> RunCacheRepair(Session& session);

absl::Status RunCachePrune(Session& session);

}  // namespace hubd

#endif  // HUBD_CLIENT_CLI_COMMANDS_CACHE_H_
