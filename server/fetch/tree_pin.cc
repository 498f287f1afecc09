#include "server/fetch/tree_pin.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/status.h"

namespace hubd {

void PinTo(const std::string& commit, TreePin pin, TreeRequest& request) {
  if (pin.ref.empty()) pin.ref = request.spec.ref;
  if (pin.ref.empty()) pin.ref = commit;
  request.spec.ref = commit;
  request.skip_validation = true;
  request.pin = std::move(pin);
}

absl::StatusOr<TreeResult> HoldAgainstPin(const TreeRequest& request,
                                          TreeResult result) {
  if (!request.pin) return result;
  const TreePin& pin = *request.pin;
  result.ref = pin.ref;
  const TreeObject& tree = result.tree;
  const bool same = (pin.route.empty() || pin.route == tree.key.route) &&
                    (pin.digest.empty() || pin.digest == tree.digest);
  if (same) return result;
  const std::string repo = tree.key.repo.ToString();
  const std::string digest =
      tree.digest.empty()
          ? "no digest yet, which hubctl cache verify would give it"
          : absl::StrCat("the digest ", tree.digest);
  return ReasonError(
      Reason::kDigestMismatch,
      absl::StrCat("the tree of ", repo, " at ", tree.key.commit,
                   " came by the route ", tree.key.route, " and has ", digest,
                   "; the lock file has the route ", pin.route,
                   " and the digest ", pin.digest,
                   ". It is not delivered: find out who changed it, or take it "
                   "as it is with hubctl lock"),
      {{"repo", repo},
       {"commit", tree.key.commit},
       {"expected", absl::StrCat(pin.route, " ", pin.digest)},
       {"actual", absl::StrCat(tree.key.route, " ", tree.digest)}});
}

}  // namespace hubd
