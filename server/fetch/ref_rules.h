// What a ref means, given what the remote says. Pure functions.

#ifndef HUBD_SERVER_FETCH_REF_RULES_H_
#define HUBD_SERVER_FETCH_REF_RULES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/repo.h"

namespace hubd {

// What "no ref" means.
enum class DefaultRef {
  kHead,            // the remote's HEAD
  kMainElseMaster,  // main, else master, else HEAD (torch.hub, oneflow.hub)
  kMaster,          // master, else HEAD (megengine.hub)
};

struct ResolvedRef {
  // What the ref is called, never empty: "main", "v1.0", a commit.
  std::string ref;
  // 40 hex digits.
  std::string commit;
  // A sentence each.
  std::vector<std::string> warnings;
  // It is both a branch and a tag, of different commits: the branch is meant,
  // and the first warning says so.
  bool ambiguous = false;
};

// "main" for "refs/heads/main", "v1" for "refs/tags/v1"; else as it is.
std::string ShortRefName(absl::string_view full);

// Whether it may be a commit or the beginning of one: 4 to 40 lower-case hex
// digits.
bool MayBeCommit(absl::string_view ref);

// Whether `ref` may be the beginning of a commit that no ref points to: of one
// before those, say.
bool MayBeOlderCommit(absl::string_view ref,
                      const Advertisement& advertisement);

// Looks `spec.ref` up, in this order: default (empty), full ref name, branch,
// tag, commit or its prefix of at least 4 digits that a branch or tag points
// to. A name that is both a branch and a tag means the branch, with a warning,
// in torch.hub's words. With `skip_validation` a full commit is taken unseen.
// REF_NOT_FOUND says what is there and, for a commit, that it may be a fork's.
absl::StatusOr<ResolvedRef> ResolveRef(const RepoSpec& spec,
                                       DefaultRef default_ref,
                                       bool skip_validation,
                                       const Advertisement& advertisement);

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_REF_RULES_H_
