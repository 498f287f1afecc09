#include "server/fetch/folder_copy.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/beneath.h"
#include "server/base/status.h"
#include "server/base/unique_fd.h"
#include "server/fetch/member_path.h"
#include "server/fetch/missing_content.h"
#include "server/fetch/tree_writer.h"

namespace hubd {
namespace {

constexpr char kByteCode[] = "__pycache__";

absl::Status Unreadable(const std::string& path) {
  return ErrnoError(errno, absl::StrCat("cannot read ", ShownName(path)));
}

// One run. Goes by paths below `source`, a folder at a time, so that how deep
// they are costs no descriptors.
class Copier {
 public:
  Copier(int source, TreeWriter& writer, UnpackMeter& meter,
         const ArchiveLimits& limits,
         const std::function<void(int64_t)>& report)
      : source_(source),
        writer_(writer),
        meter_(meter),
        max_names_(static_cast<size_t>(limits.max_entries)),
        report_(report) {}

  absl::Status Run() {
    folders_ = {""};
    while (!folders_.empty()) {
      const std::string folder = std::move(folders_.back());
      folders_.pop_back();
      HUBD_ASSIGN_OR_RETURN(
          const std::vector<std::string> names,
          ListBeneath(source_, folder.empty() ? "." : folder, max_names_));
      for (const std::string& name : names) {
        HUBD_RETURN_IF_ERROR(
            AddEntry(folder.empty() ? name : absl::StrCat(folder, "/", name)));
      }
    }
    return absl::OkStatus();
  }

  // What the hub that made the copy left out, a sentence each. Ends the copier.
  std::vector<std::string> Warnings() {
    missing_.End();
    std::vector<std::string> warnings;
    if (const size_t count = missing_.lfs_files().size(); count > 0) {
      warnings.push_back(absl::StrCat(
          "of ", count, count == 1 ? " file" : " files",
          " the tree has the pointers of Git LFS only, not the content: ",
          ShownName(missing_.lfs_files().front().path),
          count > 1 ? ", ..." : ""));
    }
    if (missing_.has_submodules()) {
      warnings.push_back(
          "the repo has submodules (.gitmodules), whose files are not in it");
    }
    return warnings;
  }

 private:
  absl::Status AddEntry(const std::string& path) {
    HUBD_RETURN_IF_ERROR(CheckedMemberPath(path).status());
    if (IsGitMember(path) || LastPart(path) == kByteCode) {
      return absl::OkStatus();
    }
    HUBD_RETURN_IF_ERROR(meter_.CountEntry());
    const UniqueFd entry =
        OpenBeneath(source_, path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat info;
    if (!entry.valid() || ::fstat(entry.get(), &info) != 0) {
      return Unreadable(path);
    }
    if (S_ISREG(info.st_mode)) return AddFile(path, info);
    if (S_ISLNK(info.st_mode)) return AddLink(path, entry.get());
    if (S_ISDIR(info.st_mode)) {
      folders_.push_back(path);
      return writer_.AddFolder(path);
    }
    return absl::FailedPreconditionError(
        absl::StrCat(ShownName(path), " is no file, folder or link"));
  }

  absl::Status AddFile(const std::string& path, const struct stat& seen) {
    // Not to wait where somebody puts a pipe in its place.
    const UniqueFd file =
        OpenBeneath(source_, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (!file.valid()) return Unreadable(path);
    const ByteSource content = [&](char* buffer,
                                   size_t size) -> absl::StatusOr<size_t> {
      const ssize_t count = ::read(file.get(), buffer, size);
      if (count < 0) return Unreadable(path);
      HUBD_RETURN_IF_ERROR(meter_.CountCompressed(count));
      report_(count);
      return static_cast<size_t>(count);
    };
    HUBD_RETURN_IF_ERROR(writer_.AddFile(path, (seen.st_mode & S_IXUSR) != 0,
                                         missing_.Watch(path, content)));
    struct stat info;
    const bool same = ::fstat(file.get(), &info) == 0 &&
                      info.st_ino == seen.st_ino &&
                      info.st_size == seen.st_size &&
                      info.st_mtim.tv_sec == seen.st_mtim.tv_sec &&
                      info.st_mtim.tv_nsec == seen.st_mtim.tv_nsec;
    if (same) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat(ShownName(path), " changed while it was read"));
  }

  absl::Status AddLink(const std::string& path, int link) {
    std::string target(PATH_MAX, '\0');
    const ssize_t size = ::readlinkat(link, "", target.data(), target.size());
    if (size < 0) return Unreadable(path);
    target.resize(size);
    return writer_.AddLink(path, target);
  }

  const int source_;
  TreeWriter& writer_;
  UnpackMeter& meter_;
  const size_t max_names_;
  const std::function<void(int64_t)>& report_;
  MissingContent missing_;
  // Still to be read.
  std::vector<std::string> folders_;
};

}  // namespace

absl::StatusOr<UnpackedTree> CopyFolder(
    int source, const std::string& dir, const ArchiveLimits& limits,
    const std::function<void(int64_t bytes)>& report, std::stop_token stop,
    Space::Reservation room) {
  UnpackMeter meter(limits, std::move(stop), std::move(room));
  HUBD_ASSIGN_OR_RETURN(const std::unique_ptr<TreeWriter> writer,
                        TreeWriter::Open(dir, &meter));
  Copier copier(source, *writer, meter, limits, report);
  HUBD_RETURN_IF_ERROR(copier.Run());
  UnpackedTree tree;
  HUBD_ASSIGN_OR_RETURN(tree.warnings, writer->Finish());
  for (std::string& warning : copier.Warnings()) {
    tree.warnings.push_back(std::move(warning));
  }
  tree.size_bytes = writer->size_bytes();
  tree.entry_count = writer->entry_count();
  return tree;
}

}  // namespace hubd
