// Coming second to a root.

#ifndef HUBD_SERVER_DAEMON_ROOT_LOCK_H_
#define HUBD_SERVER_DAEMON_ROOT_LOCK_H_

#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/store/holder.h"
#include "server/store/layout.h"
#include "server/store/store.h"

namespace hubd {

// The daemon that holds the root at this moment; nullopt where none does.
std::optional<Holder> CurrentHolder(const Layout& layout);

// Store::Open, tried again for `patience` while a daemon holds the root and
// nothing answers at its socket: it is on its way in or out.
absl::StatusOr<std::unique_ptr<Store>> OpenStore(const Store::Options& options,
                                                 const Clock& clock,
                                                 absl::Duration patience);

}  // namespace hubd

#endif  // HUBD_SERVER_DAEMON_ROOT_LOCK_H_
