// Who is at the other end of a connection.

#ifndef HUBD_SERVER_BASE_CALLER_H_
#define HUBD_SERVER_BASE_CALLER_H_

#include <sys/types.h>

namespace hubd {

// In place of a uid that is not known.
inline constexpr uid_t kNobody = static_cast<uid_t>(-1);

// The peer of a socket at the time it connected, from the kernel (SO_PEERCRED),
// never from a message. `pid` is for logs only: it may be another process by
// now.
struct Caller {
  uid_t uid = kNobody;
  gid_t gid = static_cast<gid_t>(-1);
  pid_t pid = 0;
};

}  // namespace hubd

#endif  // HUBD_SERVER_BASE_CALLER_H_
