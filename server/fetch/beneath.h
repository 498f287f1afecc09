// Opens what is in a tree by its path, and never anything outside.

#ifndef HUBD_SERVER_FETCH_BENEATH_H_
#define HUBD_SERVER_FETCH_BENEATH_H_

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/types.h>

#include <cstdint>
#include <string>

#include "server/base/unique_fd.h"

namespace hubd {

inline constexpr uint64_t kOpenFolder = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
inline constexpr uint64_t kNoLinks = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;

// Opens `path` beneath a directory, by default through no symbolic link and
// none itself; invalid, with errno, where that fails.
UniqueFd OpenBeneath(int folder, const std::string& path, uint64_t flags,
                     uint64_t resolve = kNoLinks, mode_t mode = 0);

// Whether the symbolic link at `path` beneath a directory, followed to its end,
// leaves that directory.
bool LeadsOut(int folder, const std::string& path);

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_BENEATH_H_
