// What List and Help do: the tree, then its hubconf.py in a sandbox.

#ifndef HUBD_SERVER_RPC_INSPECTION_H_
#define HUBD_SERVER_RPC_INSPECTION_H_

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "hubd/worker/v1/worker.pb.h"
#include "server/base/executor.h"
#include "server/base/progress.h"
#include "server/fetch/fetcher.h"
#include "server/jobs/job_queue.h"

namespace hubd {

struct InspectionRequest {
  TreeRequest tree;
  // Who runs the code.
  uid_t uid = 0;
  v1::Interpreter interpreter;
  // Empty: all of them.
  std::string entrypoint;
  worker::v1::Limits limits;
};

struct Inspected {
  TreeResult tree;
  // What it does not show is among the tree's warnings.
  worker::v1::InspectResult result;
  // What the code printed.
  std::string output;
};

// Makes the tree present, looks for its hubconf.py on `disk`, and lets the
// user's worker host ask it. Confined to the io thread; never calls back within
// the call; dropped: no further callback, the job is cancelled. Errors: those
// of FetchTree, JobQueue::Submit and ResultOfJob.
[[nodiscard]] std::shared_ptr<void> Inspect(
    InspectionRequest request, Executor& io, Executor& disk, Fetcher& fetcher,
    JobQueue& jobs, ProgressFn progress,
    std::function<void(absl::StatusOr<Inspected>)> done);

}  // namespace hubd

#endif  // HUBD_SERVER_RPC_INSPECTION_H_
