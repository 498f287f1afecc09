#include "client/peer.h"

#include <pwd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "server/base/status.h"

namespace hubd {
namespace {

constexpr char kServiceUser[] = "hubd";

std::optional<uid_t> ServiceUid() {
  struct passwd entry;
  struct passwd* found = nullptr;
  char buffer[4096];
  ::getpwnam_r(kServiceUser, &entry, buffer, sizeof(buffer), &found);
  if (found == nullptr) return std::nullopt;
  return found->pw_uid;
}

absl::Status CheckPeer(int fd, const std::string& path) {
  struct ucred peer;
  socklen_t size = sizeof(peer);
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return ErrnoError(errno, absl::StrCat("cannot see who listens at ", path));
  }
  if (BelievesPeer(peer.uid, ::geteuid(), ServiceUid())) {
    return absl::OkStatus();
  }
  return absl::UnavailableError(
      absl::StrCat("the socket ", path, " belongs to uid ", peer.uid,
                   ": it must be yours, root's or the user hubd's"));
}

}  // namespace

bool BelievesPeer(uid_t peer, uid_t own, std::optional<uid_t> service) {
  return peer == own || peer == 0 || peer == service;
}

absl::StatusOr<UniqueFd> ConnectToDaemon(const std::string& path,
                                         const CallLimit& limit) {
  struct sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return absl::NotFoundError("its path is longer than a socket's may be");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return ErrnoError(errno, "cannot make a socket");
  while (::connect(fd.get(), reinterpret_cast<struct sockaddr*>(&address),
                   sizeof(address)) != 0) {
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return absl::NotFoundError(std::strerror(errno));
    // The daemon is there and its queue of connections is full.
    HUBD_RETURN_IF_ERROR(limit.Pause(absl::Milliseconds(10)));
  }
  HUBD_RETURN_IF_ERROR(CheckPeer(fd.get(), path));
  return fd;
}

}  // namespace hubd
