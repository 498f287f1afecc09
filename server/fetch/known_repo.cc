#include "server/fetch/known_repo.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "server/base/status.h"
#include "server/store/objects.h"

namespace hubd {
namespace {

// Two repos that were given each other's name lead in a circle.
constexpr size_t kMaxNames = 8;

}  // namespace

absl::StatusOr<KnownRepo> LookUpRepo(Catalog& catalog, const RepoId& repo) {
  KnownRepo known;
  known.names = {repo};
  known.asked_at = absl::InfiniteFuture();
  while (known.names.size() <= kMaxNames) {
    HUBD_ASSIGN_OR_RETURN(std::shared_ptr<const RefsObject> refs,
                          catalog.LookupRefs(kSharedDomain, known.id()));
    if (refs == nullptr) return known;
    known.asked_at = std::min(known.asked_at, refs->asked_at);
    if (!refs->moved_to) {
      known.refs = std::move(refs);
      return known;
    }
    known.names.push_back(*refs->moved_to);
  }
  known.names = {repo};
  return known;
}

bool IsAnotherOwner(const RepoId& repo, const RepoId& other) {
  return repo.host != other.host ||
         !absl::EqualsIgnoreCase(repo.owner, other.owner);
}

}  // namespace hubd
