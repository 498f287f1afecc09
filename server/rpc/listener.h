// A unix socket that is listened at.
//
// Connections are accepted here and not by gRPC, because only then is a
// connection's descriptor known to the calls that come over it (peer.h).

#ifndef HUBD_SERVER_RPC_LISTENER_H_
#define HUBD_SERVER_RPC_LISTENER_H_

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/base/io_thread.h"
#include "server/base/unique_fd.h"

namespace hubd {

// Thread-safe.
class Listener {
 public:
  // Takes one connection: non-blocking, close-on-exec. Runs on the io thread.
  using AcceptFn = std::function<void(UniqueFd connection)>;

  // Binds `path` with exactly this mode, whatever the umask, and listens. A
  // socket file there that nobody answers at is replaced; ALREADY_EXISTS where
  // a program answers, another error where a file of another kind is. Where an
  // accept fails for want of descriptors, the next try is 100 ms later. `io`
  // must outlive it.
  static absl::StatusOr<std::unique_ptr<Listener>> Create(
      IoThread& io, const std::string& path, mode_t mode, AcceptFn accept);

  // Posts the end of accepting: an AcceptFn may still run until what was posted
  // to the io thread before has run. Removes the socket file if it is ours.
  ~Listener();

  // Whether the path still names our socket.
  bool StillThere() const;

  const std::string& path() const { return path_; }

 private:
  class Acceptor;
  Listener(IoThread& io, std::string path, dev_t device, ino_t inode,
           std::shared_ptr<Acceptor> acceptor);

  IoThread& io_;
  const std::string path_;
  // Of the socket file.
  const dev_t device_;
  const ino_t inode_;
  // Shared with what is posted to the io thread.
  const std::shared_ptr<Acceptor> acceptor_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_RPC_LISTENER_H_
