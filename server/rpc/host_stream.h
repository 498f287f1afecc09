// A worker host's stream to its daemon: worker's DaemonStream over gRPC.

#ifndef HUBD_SERVER_RPC_HOST_STREAM_H_
#define HUBD_SERVER_RPC_HOST_STREAM_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/worker/worker_host.h"

namespace hubd {

// Connects to the daemon at the unix socket `path` and opens the stream. Read
// returns nullopt when the daemon is gone. UNAVAILABLE where nobody answers
// within 10 s.
absl::StatusOr<std::unique_ptr<DaemonStream>> OpenHostStream(
    const std::string& path);

}  // namespace hubd

#endif  // HUBD_SERVER_RPC_HOST_STREAM_H_
