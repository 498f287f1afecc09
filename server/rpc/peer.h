// Who makes a call.

#ifndef HUBD_SERVER_RPC_PEER_H_
#define HUBD_SERVER_RPC_PEER_H_

#include <grpcpp/server_context.h>

#include "server/base/caller.h"

namespace hubd {

// The peer of the call's connection, from the kernel. A uid of -1 where the
// connection is no unix socket that the daemon accepted. Costs one system call.
//
// REQUIRES: the call is not finished. Until then gRPC keeps the connection's
// descriptor open, even after the peer has gone, so that its number cannot
// stand for another connection.
Caller CallerOf(const grpc::CallbackServerContext& context);

// The descriptor of the call's connection; -1 where the daemon accepted none.
//
// REQUIRES: as above.
int ConnectionOf(const grpc::CallbackServerContext& context);

}  // namespace hubd

#endif  // HUBD_SERVER_RPC_PEER_H_
