// Writes the members of an archive into a directory, and nowhere else.

#ifndef HUBD_SERVER_FETCH_TREE_WRITER_H_
#define HUBD_SERVER_FETCH_TREE_WRITER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/unique_fd.h"
#include "server/fetch/byte_source.h"
#include "server/fetch/unpack_meter.h"

namespace hubd {

// Every name is opened with openat2 beneath the directory, through no symbolic
// link, and made only where there is nothing yet; so no archive can write
// outside, through a link, or over a file, whatever it names its members.
//
// Paths are those of CheckedMemberPath. Missing parents are made. Files are
// 0644 or 0755, folders 0755. Nothing is synced to the disk.
//
// Fails with BAD_ARCHIVE for what the archive asks for and cannot have,
// DISK_FULL, INTERNAL for other system calls, and what the meter says. What was
// written stays; the caller removes the directory. Thread-compatible.
class TreeWriter {
 public:
  // `dir` exists and is empty. The meter counts implied folders, content and
  // copies, and must outlive the writer.
  static absl::StatusOr<std::unique_ptr<TreeWriter>> Open(
      const std::string& dir, UnpackMeter* meter);

  // No error where the folder is there already.
  absl::Status AddFolder(const std::string& path);

  absl::Status AddFile(const std::string& path, bool executable,
                       const ByteSource& content);

  // A link that leaves the tree becomes a text file that holds the target, and
  // a warning.
  absl::Status AddLink(const std::string& path, const std::string& target);

  // A copy of a file that is in the tree already.
  absl::Status AddCopy(const std::string& path, const std::string& from);

  // Judges the links that only the whole tree can judge. To be called last;
  // returns the warnings, a sentence each.
  absl::StatusOr<std::vector<std::string>> Finish();

  // After Finish: the links that it judged and left.
  const std::vector<std::string>& detours() const { return detours_; }

  // Files, folders and links made.
  int64_t entry_count() const { return entry_count_; }
  // Bytes in files.
  int64_t size_bytes() const { return size_bytes_; }

 private:
  TreeWriter(UniqueFd root, UnpackMeter* meter);

  // The descriptor of a folder, made if missing; good until the next call.
  absl::StatusOr<int> OpenFolder(absl::string_view folder);
  absl::StatusOr<UniqueFd> MakeFolders(absl::string_view folder);
  absl::Status WriteText(const std::string& path, const std::string& target);

  const UniqueFd root_;
  UnpackMeter* const meter_;
  std::vector<char> buffer_;

  // The folder opened last: members of one folder follow each other.
  std::string folder_path_;
  UniqueFd folder_;

  std::vector<std::string> detours_;  // links to judge at the end
  std::vector<std::string> warnings_;
  int64_t warning_count_ = 0;
  int64_t entry_count_ = 0;
  int64_t size_bytes_ = 0;
};

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_TREE_WRITER_H_
