// A caller's way to a tree: ref, commit, files.

#ifndef HUBD_SERVER_FETCH_TREE_OPERATION_H_
#define HUBD_SERVER_FETCH_TREE_OPERATION_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/fetch/flight_table.h"
#include "server/fetch/negative_answers.h"
#include "server/fetch/operation.h"
#include "server/fetch/requests.h"
#include "server/fetch/tree_lookup.h"

namespace hubd {

// The steps:
//   1. what the store knows (tree_lookup.h): the commit, the tree;
//   2. where it knows no commit, a flight that asks for the refs, and the tree
//      of the commit that they name, if it is there; but no question whose
//      answer was lately that there is no such repo or ref, unless the caller
//      wants a refresh;
//   3. where it is no ref but looks like a commit, the tree that it is the
//      beginning of, else a flight that looks for it among all commits before
//      the refs;
//   4. where there is no tree, a flight that downloads it;
//   5. where the host is silent at one of these steps and the store has no
//      answer of its, what an imported cache had (LookUpImported).
// Confined to the io thread. `negatives` must outlive it.
class TreeOperation final : public Operation<TreeResult> {
 public:
  TreeOperation(const FetchContext& context, NegativeAnswers& negatives,
                TreeRequest request, ProgressFn progress, DoneFn done);

 private:
  void Start() override;
  void Decide(absl::StatusOr<KnownTree> known);
  // Joins the flight that does `what`; where one that another caller began is
  // refused, then one in this caller's name.
  void JoinAsCaller(const std::string& what, const FlightSubject& subject,
                    const FlightTable::Run& run,
                    std::function<void(const absl::StatusOr<Fetched>&)> then);
  void AskRefs();
  void OnRefs(const absl::StatusOr<Fetched>& fetched);
  void Resolve(const RefsObject& refs);
  // What is wanted of the repo.
  std::string Wanted() const;
  // What a negative answer is about: the repo, or that of it; for this caller.
  std::string RepoQuestion() const;
  std::string RefQuestion() const;
  // Which of the two a flight asks: what is wanted decides which mirrors are
  // asked.
  std::string RefsQuestion() const;
  absl::Status LookUpNegative() const;
  void FindCommit(const RepoId& repo);
  void FetchCommitOf(const RepoId& repo);
  void FinishWithout(const absl::Status& not_found);
  void FinishFailed(const absl::Status& failure);
  void FindTree(const RepoId& repo, const std::string& commit);
  void FetchTree(const TreeKey& key);
  void Deliver(TreeObject tree, bool cached);
  absl::Status OfflineMiss(const std::vector<OtherTree>& others) const;

  NegativeAnswers& negatives_;
  const TreeRequest request_;
  const absl::Time started_at_;
  bool has_mirrors_ = false;
  // Filled on the way.
  TreeResult result_;
  // Why the refs are old ones; OK where they are not.
  absl::Status silence_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_TREE_OPERATION_H_
