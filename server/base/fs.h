// Files and directories, durably.
//
// Thin wrappers over system calls that return absl::Status and name the path.
// Thread-safe: they keep no state.

#ifndef HUBD_SERVER_BASE_FS_H_
#define HUBD_SERVER_BASE_FS_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace hubd {

// Makes `path` and its missing parents.
absl::Status MakeDirectories(const std::string& path, mode_t mode);

// fsyncs a directory, so that renames in it survive a loss of power.
absl::Status SyncDirectory(const std::string& path);

// Renames, then fsyncs the target's directory.
absl::Status RenameDurably(const std::string& from, const std::string& to);

// The whole file becomes `content` or stays as it is: temporary file beside it,
// fsync, rename, fsync of the directory.
absl::Status WriteFileDurably(const std::string& path,
                              absl::string_view content, mode_t mode);

// The content of a file of at most `max_bytes`; a longer one is an error.
// NOT_FOUND where there is none.
absl::StatusOr<std::string> ReadFile(const std::string& path,
                                     int64_t max_bytes = 1 << 20);

// Whether `path` leads to the file behind `fd`.
bool LeadsTo(const std::string& path, int fd);

// Whether something is at `path`, be it a link that leads nowhere. What cannot
// be looked at counts as there: only the kernel's "no such file" is an absence.
bool IsThere(const std::string& path);

// Removes a file or a directory with all that is in it, read-only directories
// too; follows no link. No error where there is none.
absl::Status RemoveAll(const std::string& path);

// Removes all that is in a directory, and leaves it.
absl::Status RemoveContents(const std::string& directory);

// The names in a directory, sorted, without "." and "..".
absl::StatusOr<std::vector<std::string>> ListDirectory(const std::string& path);

// Writes all of `bytes` at the descriptor's position.
absl::Status WriteAll(int fd, absl::string_view bytes);

// Absolute, with the links of its longest existing part resolved.
std::string CanonicalPath(const std::string& path);

}  // namespace hubd

#endif  // HUBD_SERVER_BASE_FS_H_
