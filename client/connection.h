// The open channel to a daemon.

#ifndef HUBD_CLIENT_CONNECTION_H_
#define HUBD_CLIENT_CONNECTION_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <type_traits>
#include <utility>

#include "absl/status/statusor.h"
#include "client/call_limit.h"
#include "client/daemon.h"
#include "hubd/v1/hub.grpc.pb.h"
#include "server/base/mutex.h"

namespace hubd {

// Keeps one channel, on a socket whose peer was looked at. A channel that
// breaks stays broken: it is dropped, and the next Open finds a daemon again.
// Thread-safe.
class Connection {
 public:
  struct Channel {
    explicit Channel(std::shared_ptr<grpc::Channel> opened)
        : grpc(std::move(opened)), hub(grpc) {}

    const std::shared_ptr<grpc::Channel> grpc;
    // Kept, since making one looks up every method.
    v1::Hub::Stub hub;

    // The kept stub of Hub, or a fresh one of another service.
    template <class Stub>
    decltype(auto) StubOf() {
      if constexpr (std::is_same_v<Stub, v1::Hub::Stub>) {
        return (hub);
      } else {
        return Stub(grpc);
      }
    }
  };

  // The channel of `place`: the kept one, else a fresh one. Shared, because
  // calls on it go on after it was dropped here. Errors: those of
  // FindOrStartDaemon.
  absl::StatusOr<std::shared_ptr<Channel>> Open(const DaemonPlace& place,
                                                const CallLimit& limit);

  // Lets the next Open connect anew, if `channel` is the kept one.
  void Drop(const std::shared_ptr<Channel>& channel);

 private:
  Mutex mutex_;
  DaemonPlace place_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<Channel> channel_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace hubd

#endif  // HUBD_CLIENT_CONNECTION_H_
