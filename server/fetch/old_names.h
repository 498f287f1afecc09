// The names that the original hubs give to what they keep: directories of
// trees, files of checkpoints, lines of trusted_list.
//
// torch.hub and oneflow.hub: OWNER_NAME_REF below get_dir(), with "_" for "/".
// megengine.hub: VERSION_DIGEST, 16 digits of the SHA-1 of OWNER_NAME_REF, or
// of OWNER_NAME_REF_COMMIT. Checkpoints are called as their URL ends;
// megengine.hub puts 6 digits of the URL's SHA-256 and a "_" before that.
//
// Pure functions: thread-safe.

#ifndef HUBD_SERVER_FETCH_OLD_NAMES_H_
#define HUBD_SERVER_FETCH_OLD_NAMES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/repo.h"

namespace hubd {

// A repo that the user says has a directory there.
struct NamedRepo {
  // Without a ref: whatever its ref.
  RepoSpec spec;
  // As typed: digests are made of that.
  std::string owner;
  std::string name;
};

// INVALID_REPO.
absl::StatusOr<NamedRepo> ParseNamedRepo(absl::string_view text);

// What the name of a tree's directory says. Only what it can mean and nothing
// else: of OWNER_NAME_REF the one way to cut a name with two "_", or the one
// that `named` tells; a digest only where `named` has what it is made of. Else
// FAILED_PRECONDITION, a sentence with the way out.
absl::StatusOr<RepoSpec> ReadTreeName(const std::string& directory,
                                      const std::vector<NamedRepo>& named);

// The repo of a line of trusted_list, OWNER_NAME; the same.
absl::StatusOr<RepoId> ReadTrustLine(absl::string_view line);

// Whether a URL can end with this.
bool IsCheckpointName(absl::string_view name);

// The names that the originals give to the checkpoint of a URL.
std::vector<std::string> CheckpointNames(const std::string& url);

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_OLD_NAMES_H_
