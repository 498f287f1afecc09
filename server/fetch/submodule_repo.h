// Which repo a submodule's files are of.

#ifndef HUBD_SERVER_FETCH_SUBMODULE_REPO_H_
#define HUBD_SERVER_FETCH_SUBMODULE_REPO_H_

#include <string>

#include "absl/status/statusor.h"
#include "server/base/repo.h"

namespace hubd {

// The repo at `url`, as a .gitmodules of `parent` has it; one that begins with
// "./" or "../" is relative to the parent's URL, as git takes it. INVALID_REPO
// for what is no https URL of a repo.
absl::StatusOr<RepoId> RepoOfSubmodule(const RepoId& parent,
                                       const std::string& url);

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_SUBMODULE_REPO_H_
