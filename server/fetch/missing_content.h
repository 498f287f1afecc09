// Content that a tree only points at.

#ifndef HUBD_SERVER_FETCH_MISSING_CONTENT_H_
#define HUBD_SERVER_FETCH_MISSING_CONTENT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/fetch/byte_source.h"

namespace hubd {

// Looks at the files of a commit as they are unpacked: a file of Git LFS is a
// small text that names its content, and a submodule is an empty folder. Both
// look like a tree that is whole. Thread-compatible.
class MissingContent {
 public:
  // The same bytes, looked at. `path` is that of a file in the tree. The next
  // call, or Warnings, ends the file.
  ByteSource Watch(const std::string& path, ByteSource content);

  // What the user should be told, a sentence each.
  std::vector<std::string> Warnings();

 private:
  // Judges the file that was watched last.
  void End();

  std::string path_;
  std::string begin_;
  int64_t pointer_count_ = 0;
  std::vector<std::string> pointers_;  // the first ones
  bool submodules_ = false;
};

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_MISSING_CONTENT_H_
