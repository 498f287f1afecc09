// A caller's way to a tree: ref, commit, files.

#ifndef HUBD_SERVER_FETCH_TREE_OPERATION_H_
#define HUBD_SERVER_FETCH_TREE_OPERATION_H_

#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/fetch/operation.h"
#include "server/fetch/requests.h"

namespace hubd {

// The steps:
//   1. a full commit whose tree is there needs nothing else;
//   2. the known refs, if young enough, or no more are to be had (offline);
//   3. else a flight that asks for the refs;
//   4. the tree of the commit, if it is there;
//   5. else a flight that downloads it.
// Confined to the io thread.
class TreeOperation final : public Operation<TreeResult> {
 public:
  TreeOperation(const FetchContext& context, TreeRequest request,
                ProgressFn progress, DoneFn done);

 private:
  // What the store knows at the start.
  struct Known {
    std::optional<TreeObject> tree;
    std::optional<RefsObject> refs;
    std::vector<TreeObject> others;
  };

  void Start() override;
  absl::StatusOr<Known> LookUpKnown() const;
  void Decide(absl::StatusOr<Known> known);
  void AskRefs();
  void Resolve(const RefsObject& refs);
  void FindTree(const std::string& commit);
  void FetchTree(const TreeKey& key);
  void Deliver(TreeObject tree, bool cached);
  absl::Status OfflineMiss(const std::vector<TreeObject>& others) const;

  const TreeRequest request_;
  const absl::Time started_at_;
  // Filled on the way.
  TreeResult result_;
  std::vector<TreeObject> others_;
  // Why the refs are old ones; OK where they are not.
  absl::Status silence_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_TREE_OPERATION_H_
