// Which root a client means, and the names that follow from it.

#ifndef HUBD_CLIENT_ROOT_H_
#define HUBD_CLIENT_ROOT_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace hubd {

// The root's absolute path, links in it and all: `chosen` if not empty, else
// $HUBD_HOME, else $XDG_CACHE_HOME/hubd, else ~/.cache/hubd. It need not exist.
// Fails where the caller has no home directory and nothing else says.
absl::StatusOr<std::string> FindRoot(const std::string& chosen);

// What names the socket and the lock of a root, by its canonical path: 16 hex
// digits.
std::string RootKey(const std::string& root);

// The file in which the root's daemon writes down where it listens.
std::string AddressFile(const std::string& root);

// The log of a daemon that a client started.
std::string LogFile(const std::string& root);

// The caller's private directory for sockets and start locks, made if absent:
// $XDG_RUNTIME_DIR/hubd where that directory is the caller's, else
// /tmp/hubd-UID. Fails where it is not the caller's alone.
absl::StatusOr<std::string> SocketDirectory();

}  // namespace hubd

#endif  // HUBD_CLIENT_ROOT_H_
