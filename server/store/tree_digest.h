// The digest of a tree: one SHA-256 over all that its files are.
//
// It is the SHA-256 of these bytes: "hubd tree 1" and a NUL; then, for each
// entry below the tree's directory, sorted by its path as bytes, one of
//
//   d NUL path NUL                        a folder
//   f NUL path NUL size NUL sha256 NUL    a file
//   x NUL path NUL size NUL sha256 NUL    a file that its owner may execute
//   l NUL path NUL target NUL             a symbolic link
//   o NUL path NUL                        anything else; hubd publishes no such
//
// `path` is relative to the tree, its parts joined by "/"; `size` is the
// content's length in bytes, in decimal digits; `sha256` that of the content,
// 64 lower-case hex digits. Neither a path nor a target holds a NUL, so that no
// two trees have the same bytes. Owners, times, and all other bits of modes
// count for nothing.

#ifndef HUBD_SERVER_STORE_TREE_DIGEST_H_
#define HUBD_SERVER_STORE_TREE_DIGEST_H_

#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "server/base/file_digest.h"

namespace hubd {

// The digest of the tree at the directory `path`, 64 lower-case hex digits. It
// reads every byte, follows no link, and changes nothing. NOT_FOUND where no
// directory is there; CANCELLED soon after the stop; else INTERNAL, naming what
// cannot be read. May wait for the disk. Thread-safe.
absl::StatusOr<std::string> TreeDigest(const std::string& path,
                                       const Reading& how = {});

// One line for what stat shows of all its entries: kinds, sizes, inodes, and
// when they changed last. It reads no content. Errors as above.
absl::StatusOr<std::string> TreeStamp(const std::string& path,
                                      const std::stop_token& stop = {});

}  // namespace hubd

#endif  // HUBD_SERVER_STORE_TREE_DIGEST_H_
