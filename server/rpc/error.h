// The one place where our errors become gRPC's.

#ifndef HUBD_SERVER_RPC_ERROR_H_
#define HUBD_SERVER_RPC_ERROR_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "hubd/v1/error.pb.h"

namespace hubd {

// The same status, which tells clients how the worker ended too.
absl::Status WithWorkerExit(const absl::Status& status,
                            const v1::WorkerExit& exit);

// Code and message, and the reason, metadata and worker's end as StatusDetails.
// Message and details are valid UTF-8 without control characters other than
// tab and newline; the details have at most 4 KB: what is longer is cut, the
// worker's end first.
grpc::Status ToGrpcStatus(const absl::Status& status);

}  // namespace hubd

#endif  // HUBD_SERVER_RPC_ERROR_H_
