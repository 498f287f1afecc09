// The open channel to a daemon.

#ifndef HUBD_CLIENT_CONNECTION_H_
#define HUBD_CLIENT_CONNECTION_H_

#include <memory>

#include "absl/status/statusor.h"
#include "client/call_limit.h"
#include "client/daemon.h"
#include "server/base/mutex.h"

namespace grpc {
class Channel;
}

namespace hubd {

// Keeps one channel, on a socket whose peer was looked at. A channel that
// breaks stays broken: it is dropped, and the next Open finds a daemon again.
// Thread-safe.
class Connection {
 public:
  // Shared, because calls on a channel go on after it was dropped here.
  using Channel = std::shared_ptr<grpc::Channel>;

  // The channel of `place`: the kept one, else a fresh one. Errors: those of
  // FindOrStartDaemon.
  absl::StatusOr<Channel> Open(const DaemonPlace& place,
                               const CallLimit& limit);

  // Lets the next Open connect anew, if `channel` is the kept one.
  void Drop(const Channel& channel);

 private:
  Mutex mutex_;
  DaemonPlace place_ ABSL_GUARDED_BY(mutex_);
  Channel channel_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace hubd

#endif  // HUBD_CLIENT_CONNECTION_H_
