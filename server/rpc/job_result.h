// What came of a sandboxed job, as the caller is told it.

#ifndef HUBD_SERVER_RPC_JOB_RESULT_H_
#define HUBD_SERVER_RPC_JOB_RESULT_H_

#include <string>

#include "absl/status/statusor.h"
#include "hubd/worker/v1/worker.pb.h"

namespace hubd {

// The result of a job that asked `repo` (host/owner/name) for `entrypoint`
// (empty: for all), or the error that its end means: ENTRYPOINT_FAILED,
// ENTRYPOINT_NOT_FOUND, MISSING_DEPENDENCY, HUBCONF_MISSING, SANDBOX_VIOLATION,
// SANDBOX_UNAVAILABLE, WORKER_TIME, WORKER_MEMORY, with the worker's end where
// there is one to tell. Pure.
absl::StatusOr<worker::v1::InspectResult> ResultOfJob(
    const std::string& repo, const std::string& entrypoint,
    const worker::v1::JobDone& done);

// HUBCONF_MISSING for a repo at a ref, as it is called in the message.
absl::Status HubconfMissing(const std::string& repo, const std::string& ref);

}  // namespace hubd

#endif  // HUBD_SERVER_RPC_JOB_RESULT_H_
