// What the store knows about a tree that is asked for.

#ifndef HUBD_SERVER_FETCH_TREE_LOOKUP_H_
#define HUBD_SERVER_FETCH_TREE_LOOKUP_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/fetch/fetch_context.h"
#include "server/fetch/ref_rules.h"
#include "server/fetch/requests.h"

namespace hubd {

// A tree that is there, where another one is wanted.
struct OtherTree {
  std::string commit;
  // As in TreeObject.
  bool unproven = false;
  // A branch or tag of that commit, as far as is known; else empty.
  std::string ref;
};

struct KnownTree {
  // The repo that the name led to when it was last asked for.
  RepoId repo;
  // The answer, where it needs no network.
  std::optional<TreeResult> result;
  // Else which commit is wanted, where the store may say so.
  std::optional<ResolvedRef> resolved;
  // Else, offline, what there is of the repo, newest first.
  std::vector<OtherTree> others;
};

// Looks at the store only:
//   - a full commit whose tree is there, and that was shown to be the repo's
//     or need not be (a user's own daemon keeps to what is cached, as the hubs
//     do), needs no answer about refs;
//   - else the known refs say the commit, if they are young enough at `now`, or
//     no more are to be had (offline);
//   - offline, the beginning of a commit that no ref names any more means the
//     one tree that it fits;
//   - offline, where all of this gives no tree, LookUpImported.
// Fails also where the request does not admit where the repo has moved. May
// wait for the disk. Thread-safe.
absl::StatusOr<KnownTree> LookUpTree(const FetchContext& context,
                                     const TreeRequest& request,
                                     absl::Time now);

// The answer of LookUpTree as far as memory says it; nullopt: it has to look.
// Waits for nobody. Thread-safe.
std::optional<TreeResult> TreeInMemory(const FetchContext& context,
                                       const TreeRequest& request,
                                       absl::Time now);

// The tree of a commit of `repo`, to which the request's name led, where the
// store has it under one of its names. Fails as LookUpTree does. May wait for
// the disk. Thread-safe.
absl::StatusOr<std::optional<TreeObject>> LookUpCommit(
    const FetchContext& context, const TreeRequest& request, const RepoId& repo,
    const std::string& commit);

// The commit that the request names by its beginning, of 7 digits or more: that
// of the one stored tree which it fits and whose commit was shown to be the
// repo's. May wait for the disk. Thread-safe.
absl::StatusOr<std::optional<std::string>> LookUpBeginning(
    const FetchContext& context, const TreeRequest& request);

// What the imported cache of an original hub had under the name that the
// request would have had there, marked stale: nobody can say of which commit it
// is. So it counts only where the origin cannot be asked and nothing else is
// there, and never where the caller has decided on a commit. Fails as
// LookUpTree does. May wait for the disk. Thread-safe.
absl::StatusOr<std::optional<TreeResult>> LookUpImported(
    const FetchContext& context, const TreeRequest& request, absl::Time now);

// Puts the tree, and what is to be said of it, into the result.
void SetTree(TreeObject tree, TreeResult& result);

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_TREE_LOOKUP_H_
