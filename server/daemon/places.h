// Where a daemon lives: its root and its socket. Clients follow the same rules.

#ifndef HUBD_SERVER_DAEMON_PLACES_H_
#define HUBD_SERVER_DAEMON_PLACES_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace hubd {

inline constexpr char kSystemRoot[] = "/var/cache/hubd";
inline constexpr char kSystemSocket[] = "/run/hubd/hubd.sock";

// An environment variable; nullopt where it is not set or empty.
std::optional<std::string> EnvironmentValue(const char* name);

// $HOME, else what the system says of this user.
std::string HomeDirectory();

// The root of a user daemon: `dir` where given, else $HUBD_HOME, else
// $XDG_CACHE_HOME/hubd, else HOME/.cache/hubd. Absolute, links resolved.
std::string UserRoot(const std::optional<std::string>& dir);

// The socket of the user daemon with this root: KEY.sock in
// $XDG_RUNTIME_DIR/hubd where that variable names a directory of this user,
// else in /tmp/hubd-UID; KEY is 16 hex digits of the root's digest. Makes the
// directory (0700). FAILED_PRECONDITION, with the fix, where it is another
// user's or others can enter it.
absl::StatusOr<std::string> UserSocket(const std::string& root);

}  // namespace hubd

#endif  // HUBD_SERVER_DAEMON_PLACES_H_
