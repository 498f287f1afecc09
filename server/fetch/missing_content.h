// Content that a tree only points at.

#ifndef HUBD_SERVER_FETCH_MISSING_CONTENT_H_
#define HUBD_SERVER_FETCH_MISSING_CONTENT_H_

#include <optional>
#include <string>
#include <vector>

#include "server/fetch/byte_source.h"
#include "server/net/lfs_batch.h"

namespace hubd {

// A file of Git LFS, of which a tree has the pointer.
struct LfsFile {
  std::string path;
  // nullopt: a pointer that cannot be read.
  std::optional<LfsObject> object;

  bool operator==(const LfsFile&) const = default;
};

// Looks at the files of a commit as they are unpacked: a file of Git LFS is a
// small text that names its content, and a submodule is an empty folder. Both
// look like a tree that is whole. Thread-compatible.
class MissingContent {
 public:
  // The same bytes, looked at. `path` is that of a file in the tree. The next
  // call, or End, ends the file.
  ByteSource Watch(const std::string& path, ByteSource content);

  // Judges the file that was watched last.
  void End();

  // Of the files that have ended.
  const std::vector<LfsFile>& lfs_files() const { return lfs_files_; }
  // Whether a .gitmodules was among them, at the top and not empty.
  bool has_submodules() const { return has_submodules_; }

 private:
  std::string path_;
  std::string begin_;
  std::vector<LfsFile> lfs_files_;
  bool has_submodules_ = false;
};

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_MISSING_CONTENT_H_
