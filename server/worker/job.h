// One job: from StartJob to JobDone.

#ifndef HUBD_SERVER_WORKER_JOB_H_
#define HUBD_SERVER_WORKER_JOB_H_

#include <stop_token>

#include "absl/status/statusor.h"
#include "hubd/worker/v1/worker.pb.h"
#include "server/sandbox/policy.h"
#include "server/sandbox/sandbox.h"

namespace hubd {

// The sandbox for a job: the tree, the interpreter and hubd's own code,
// read-only, and the job's limits; what a limit leaves at 0 is InspectPolicy's.
absl::StatusOr<SandboxPolicy> JobPolicy(const worker::v1::StartJob& job);

// What a run proves about a job, and what it only says, told apart. `exit` is
// set where the kernel, a limit or a malformed answer speaks; `result` where
// the worker answered as it should, which includes a Failure that it reports.
// Paths of the tree in the sandbox become those of `job`.
worker::v1::JobDone JudgeRun(const worker::v1::StartJob& job,
                             const SandboxResult& run);

// Runs the job in a fresh sandbox. Blocks until the last process of it is gone;
// a stop request kills it.
worker::v1::JobDone RunJob(const worker::v1::StartJob& job,
                           std::stop_token stop);

}  // namespace hubd

#endif  // HUBD_SERVER_WORKER_JOB_H_
