// Who holds a root. The file LOCK: locked by the daemon that serves the root,
// and in it one line about that daemon, for those who come second.

#ifndef HUBD_SERVER_STORE_HOLDER_H_
#define HUBD_SERVER_STORE_HOLDER_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/unique_fd.h"
#include "server/store/layout.h"

namespace hubd {

// Who holds, or held last, the root: what a daemon wrote into LOCK. NOT_FOUND
// where none did.
struct Holder {
  int64_t pid = 0;
  std::string host;
  std::string socket;  // empty until it listens
};
absl::StatusOr<Holder> HolderOf(const Layout& layout);

// Locks LOCK, for as long as the descriptor is open, and writes who has it.
// FAILED_PRECONDITION where another daemon does, and says which; UNAVAILABLE
// where the root was replaced meanwhile.
absl::StatusOr<UniqueFd> TakeLock(const Layout& layout,
                                  const std::string& socket);

// Writes through the lock where its holder listens; an empty socket: not yet.
absl::Status WriteHolder(int lock, const std::string& socket,
                         const Layout& layout);

}  // namespace hubd

#endif  // HUBD_SERVER_STORE_HOLDER_H_
