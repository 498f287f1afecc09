#include "server/rpc/peer.h"

#include <sys/socket.h>

#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace hubd {

// For a connection made by AddInsecureChannelFromFd, gRPC's peer is "fd:N".
int ConnectionOf(const grpc::CallbackServerContext& context) {
  std::string peer = context.peer();
  absl::string_view number = peer;
  int fd = -1;
  if (!absl::ConsumePrefix(&number, "fd:") || !absl::SimpleAtoi(number, &fd)) {
    return -1;
  }
  return fd;
}

// The credentials are those of the moment of connect().
Caller CallerOf(const grpc::CallbackServerContext& context) {
  ucred credentials = {};
  socklen_t size = sizeof(credentials);
  if (::getsockopt(ConnectionOf(context), SOL_SOCKET, SO_PEERCRED, &credentials,
                   &size) != 0) {
    return Caller{};
  }
  return Caller{credentials.uid, credentials.gid, credentials.pid};
}

}  // namespace hubd
