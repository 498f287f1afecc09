// What Load does: trust, then the tree.

#ifndef HUBD_SERVER_RPC_TREE_LOAD_H_
#define HUBD_SERVER_RPC_TREE_LOAD_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/admit/admission.h"
#include "server/base/caller.h"
#include "server/base/executor.h"
#include "server/base/progress.h"
#include "server/fetch/fetcher.h"

namespace hubd {

struct TreeLoadRequest {
  TreeRequest tree;
  // Whose trust is required, if any is.
  bool require_trust = false;
  Caller caller;
  std::string hub_dir;
};

// Makes a tree present; with require_trust only after the catalog, asked on
// `disk`, says that the repo is trusted. Confined to the io thread, like
// Fetcher::FetchTree. Errors: REPO_NOT_TRUSTED, those of FetchTree.
[[nodiscard]] std::shared_ptr<void> LoadTree(
    TreeLoadRequest request, Executor& io, Executor& disk,
    const Admission& admission, Fetcher& fetcher, ProgressFn progress,
    std::function<void(absl::StatusOr<TreeResult>)> done);

}  // namespace hubd

#endif  // HUBD_SERVER_RPC_TREE_LOAD_H_
