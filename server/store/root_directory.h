// The directory that one daemon owns, before anything in it is read: whose it
// is, of which version, and the folders that all else expects.

#ifndef HUBD_SERVER_STORE_ROOT_DIRECTORY_H_
#define HUBD_SERVER_STORE_ROOT_DIRECTORY_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/unique_fd.h"
#include "server/store/layout.h"

namespace hubd {

// Makes the root where it is missing (0700). FAILED_PRECONDITION, with the fix,
// where another uid owns it or others can write it.
absl::StatusOr<UniqueFd> OpenRoot(const std::string& root);

// Whether the root is fresh: nothing said its version, from here on something
// does. FAILED_PRECONDITION where a newer hubd wrote it, or it says no version.
absl::StatusOr<bool> CheckVersion(const Layout& layout);

// Makes the folders below store/ that are missing.
absl::Status MakeFolders(const Layout& layout);

}  // namespace hubd

#endif  // HUBD_SERVER_STORE_ROOT_DIRECTORY_H_
