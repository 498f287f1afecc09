// What the daemon says about a failed call, as an absl::Status.

#ifndef HUBD_CLIENT_ERROR_H_
#define HUBD_CLIENT_ERROR_H_

#include "absl/status/status.h"

namespace grpc {
class Status;
}

namespace hubd {

// The code, message, reason and metadata of a call. A WorkerExit adds the
// metadata "worker_exit" (its kind), "exception", "traceback", "limit" and
// "signal", where they say something. A reason that this client does not know
// is dropped; the code stays.
absl::Status FromGrpc(const grpc::Status& status);

// Whether the same request may be sent again: the connection was lost, or the
// daemon is about to end. A daemon's full answer "UNAVAILABLE" is not that.
bool MayReissue(const grpc::Status& status);

// Whether the daemon said that it is about to end.
bool IsDraining(const grpc::Status& status);

}  // namespace hubd

#endif  // HUBD_CLIENT_ERROR_H_
