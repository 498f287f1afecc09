// What lies below a directory that is open, and nothing else: for directories
// whose content others chose.

#ifndef HUBD_SERVER_BASE_BENEATH_H_
#define HUBD_SERVER_BASE_BENEATH_H_

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/base/unique_fd.h"

namespace hubd {

inline constexpr uint64_t kOpenFolder = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
// Neither out of the directory nor through a symbolic link.
inline constexpr uint64_t kNoLinks = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;

// Opens `path` beneath a directory; invalid, with errno, where that fails.
UniqueFd OpenBeneath(int folder, const std::string& path, uint64_t flags,
                     uint64_t resolve = kNoLinks, mode_t mode = 0);

// Whether the symbolic link at `path` beneath a directory, followed to its end,
// leaves that directory.
bool LeadsOut(int folder, const std::string& path);

// The names in the directory `path` beneath another ("." is that itself),
// sorted, without "." and "..". FAILED_PRECONDITION where it has over
// `max_names`.
absl::StatusOr<std::vector<std::string>> ListBeneath(int folder,
                                                     const std::string& path,
                                                     size_t max_names);

}  // namespace hubd

#endif  // HUBD_SERVER_BASE_BENEATH_H_
