// What List and Help do: the tree, then its hubconf.py in a sandbox.

#ifndef HUBD_SERVER_RPC_INSPECTION_H_
#define HUBD_SERVER_RPC_INSPECTION_H_

#include <sys/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "hubd/worker/v1/worker.pb.h"
#include "server/base/executor.h"
#include "server/base/progress.h"
#include "server/fetch/fetcher.h"
#include "server/jobs/result_cache.h"

namespace hubd {

struct InspectionRequest {
  // With `refresh` the code runs even if a result is kept; who asks runs it.
  TreeRequest tree;
  v1::Interpreter interpreter;
  // Empty: all of them.
  std::string entrypoint;
  worker::v1::Limits limits;
};

struct Inspected {
  TreeResult tree;
  // What it does not show is among the tree's warnings.
  worker::v1::InspectResult result;
  // What the code printed in this run.
  std::string output;
  // No code ran: the result was kept from an earlier run.
  bool cached = false;
};

// The answer, where tree and result are there; nullopt: Inspect finds out. May
// wait for the disk. Thread-safe.
std::optional<Inspected> LookUpInspected(const InspectionRequest& request,
                                         const Fetcher& fetcher,
                                         const ResultCache& results);

// The same as far as memory says it; nullopt: look it up. Waits for nobody.
// Thread-safe.
std::optional<Inspected> InspectedInMemory(const InspectionRequest& request,
                                           const Fetcher& fetcher,
                                           const ResultCache& results);

// Makes the tree present; then what is kept of it, looked up on `disk`, or what
// its hubconf.py says in the user's worker host. Confined to the io thread;
// never calls back within the call; dropped: no further callback, and the job
// is cancelled unless others wait for it. Errors: those of FetchTree,
// ResultCache::Run and ResultOfJob.
[[nodiscard]] std::shared_ptr<void> Inspect(
    InspectionRequest request, Executor& io, Executor& disk, Fetcher& fetcher,
    ResultCache& results, ProgressFn progress,
    std::function<void(absl::StatusOr<Inspected>)> done);

}  // namespace hubd

#endif  // HUBD_SERVER_RPC_INSPECTION_H_
