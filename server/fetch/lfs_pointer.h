// The small text that stands in a repository for a file of Git LFS.

#ifndef HUBD_SERVER_FETCH_LFS_POINTER_H_
#define HUBD_SERVER_FETCH_LFS_POINTER_H_

#include <cstddef>
#include <optional>

#include "absl/strings/string_view.h"
#include "server/net/lfs_batch.h"

namespace hubd {

// No pointer is longer, says its specification.
inline constexpr size_t kMaxLfsPointer = 1024;

// Whether a file that begins with `text` is meant as a pointer.
bool BeginsLfsPointer(absl::string_view text);

// What a file with the content `text` points at: three lines, each once and in
// this order, "version https://git-lfs.github.com/spec/v1", "oid sha256:" with
// 64 lower-case hex digits, "size" in decimal digits. nullopt for every other
// text, those with extensions too, whose programs only their makers have.
std::optional<LfsObject> ParseLfsPointer(absl::string_view text);

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_LFS_POINTER_H_
