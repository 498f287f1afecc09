#include "server/daemon/root_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "absl/time/clock.h"
#include "server/base/unique_fd.h"

namespace hubd {
namespace {

bool Answers(const std::string& socket_path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof(address.sun_path)) return false;
  std::memcpy(address.sun_path, socket_path.data(), socket_path.size());
  // Not to be held up by a daemon whose queue is full: that one answers.
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address),
                   sizeof(address)) == 0 ||
         errno == EAGAIN;
}

}  // namespace

std::optional<Holder> CurrentHolder(const Layout& layout) {
  UniqueFd fd(::open(layout.lock().c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid() || ::flock(fd.get(), LOCK_SH | LOCK_NB) == 0 ||
      errno != EWOULDBLOCK) {
    return std::nullopt;
  }
  absl::StatusOr<Holder> holder = HolderOf(layout);
  if (!holder.ok()) return std::nullopt;
  return *holder;
}

absl::StatusOr<std::unique_ptr<Store>> OpenStore(const Store::Options& options,
                                                 const Clock& clock,
                                                 absl::Duration patience) {
  const Layout layout(options.root);
  const absl::Time end = clock.Now() + patience;
  while (true) {
    auto store = Store::Open(options, clock);
    if (!absl::IsFailedPrecondition(store.status())) return store;
    if (clock.Now() >= end) return store;
    std::optional<Holder> holder = CurrentHolder(layout);
    // Either it went this moment, or it was something else that failed.
    if (!holder) return Store::Open(options, clock);
    if (Answers(holder->socket)) return store;
    absl::SleepFor(absl::Milliseconds(20));
  }
}

}  // namespace hubd
