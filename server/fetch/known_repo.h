// What the store knows of a repo, also where it has moved since: under which
// names, and which refs.

#ifndef HUBD_SERVER_FETCH_KNOWN_REPO_H_
#define HUBD_SERVER_FETCH_KNOWN_REPO_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/repo.h"
#include "server/store/catalog.h"

namespace hubd {

struct KnownRepo {
  // The name that was asked for, then those to which it led. Trees of the repo
  // may be kept under any of them.
  std::vector<RepoId> names;
  // The last answer about its refs; null where there is none.
  std::shared_ptr<const RefsObject> refs;
  // When all of this was so; meaningless without refs.
  absl::Time asked_at;

  // Its name, as far as is known.
  const RepoId& id() const { return names.back(); }
};

// May wait for the disk. Thread-safe.
absl::StatusOr<KnownRepo> LookUpRepo(Catalog& catalog, const RepoId& repo);

// Whether code under the two names may be of different people.
bool IsAnotherOwner(const RepoId& repo, const RepoId& other);

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_KNOWN_REPO_H_
