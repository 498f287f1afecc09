#include "server/fetch/tree_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/base/beneath.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "server/fetch/member_path.h"

namespace hubd {
namespace {

constexpr size_t kBufferBytes = 128 * 1024;
constexpr size_t kMaxWarnings = 20;
// Bounds the memory that a hostile archive can take.
constexpr size_t kMaxDetours = 10000;
constexpr size_t kMaxTarget = 4095;

absl::Status MemberError(absl::string_view path, int error_number) {
  switch (error_number) {
    case ELOOP:
    case EXDEV:
      return BadMember(path, "its name leads through a link");
    case ENOTDIR:
      return BadMember(path, "a file is where it needs a folder");
    case EEXIST:
    case EISDIR:
      return BadMember(path, "there is a member with this name already");
    case ENAMETOOLONG:
      return BadMember(path, "its name is too long for the disk");
    default:
      return ErrnoError(error_number,
                        absl::StrCat("cannot write member ", ShownName(path)));
  }
}

}  // namespace

TreeWriter::TreeWriter(UniqueFd root, UnpackMeter* meter)
    : root_(std::move(root)), meter_(meter), buffer_(kBufferBytes) {}

absl::StatusOr<std::unique_ptr<TreeWriter>> TreeWriter::Open(
    const std::string& dir, UnpackMeter* meter) {
  UniqueFd root(open(dir.c_str(), static_cast<int>(kOpenFolder)));
  if (!root.valid()) {
    return ErrnoError(errno, absl::StrCat("cannot open ", dir));
  }
  return std::unique_ptr<TreeWriter>(new TreeWriter(std::move(root), meter));
}

absl::StatusOr<int> TreeWriter::OpenFolder(absl::string_view folder) {
  if (folder.empty()) return root_.get();
  if (folder_.valid() && folder == folder_path_) return folder_.get();
  folder_ = OpenBeneath(root_.get(), std::string(folder), kOpenFolder);
  if (!folder_.valid()) {
    if (errno != ENOENT) return MemberError(folder, errno);
    HUBD_ASSIGN_OR_RETURN(folder_, MakeFolders(folder));
  }
  folder_path_ = std::string(folder);
  return folder_.get();
}

absl::StatusOr<UniqueFd> TreeWriter::MakeFolders(absl::string_view folder) {
  UniqueFd at = OpenBeneath(root_.get(), ".", kOpenFolder);
  if (!at.valid()) return MemberError(folder, errno);
  for (const absl::string_view part : absl::StrSplit(folder, '/')) {
    const std::string name(part);
    const bool made = mkdirat(at.get(), name.c_str(), 0755) == 0;
    if (!made && errno != EEXIST) return MemberError(folder, errno);
    at = OpenBeneath(at.get(), name, kOpenFolder);
    if (!at.valid()) return MemberError(folder, errno);
    if (!made) continue;
    HUBD_RETURN_IF_ERROR(meter_->CountEntry());
    ++entry_count_;
    // The umask has no say in what others can read.
    if (fchmod(at.get(), 0755) != 0) return MemberError(folder, errno);
  }
  return at;
}

absl::Status TreeWriter::AddFolder(const std::string& path) {
  HUBD_ASSIGN_OR_RETURN(const int parent, OpenFolder(FolderOf(path)));
  const std::string name(LastPart(path));
  const bool made = mkdirat(parent, name.c_str(), 0755) == 0;
  if (!made && errno != EEXIST) return MemberError(path, errno);
  const UniqueFd folder = OpenBeneath(parent, name, kOpenFolder);
  if (!folder.valid()) {
    // What is there already is no folder.
    return MemberError(path,
                       errno == ENOTDIR || errno == ELOOP ? EEXIST : errno);
  }
  if (!made) return absl::OkStatus();
  ++entry_count_;
  return fchmod(folder.get(), 0755) == 0 ? absl::OkStatus()
                                         : MemberError(path, errno);
}

absl::Status TreeWriter::AddFile(const std::string& path, bool executable,
                                 const ByteSource& content) {
  HUBD_ASSIGN_OR_RETURN(const int parent, OpenFolder(FolderOf(path)));
  const UniqueFd file =
      OpenBeneath(parent, std::string(LastPart(path)),
                  O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kNoLinks, 0600);
  if (!file.valid()) return MemberError(path, errno);
  ++entry_count_;
  while (true) {
    HUBD_ASSIGN_OR_RETURN(const size_t count,
                          content(buffer_.data(), buffer_.size()));
    if (count == 0) break;
    HUBD_RETURN_IF_ERROR(meter_->CountUnpacked(static_cast<int64_t>(count)));
    const absl::Status written =
        WriteAll(file.get(), absl::string_view(buffer_.data(), count));
    if (!written.ok()) {
      return Annotate(written,
                      absl::StrCat("cannot write member ", ShownName(path)));
    }
    size_bytes_ += static_cast<int64_t>(count);
  }
  return fchmod(file.get(), executable ? 0755 : 0644) == 0
             ? absl::OkStatus()
             : MemberError(path, errno);
}

absl::Status TreeWriter::AddLink(const std::string& path,
                                 const std::string& target) {
  if (target.empty() || target.size() > kMaxTarget ||
      target.find('\0') != std::string::npos) {
    return BadMember(path, "what it links to is no path");
  }
  const LinkTarget where = JudgeLink(path, target);
  const bool detour = where == LinkTarget::kDetour;
  if (where == LinkTarget::kOutside ||
      (detour && detours_.size() >= kMaxDetours)) {
    return WriteText(path, target);
  }
  HUBD_ASSIGN_OR_RETURN(const int parent, OpenFolder(FolderOf(path)));
  const std::string name(LastPart(path));
  if (symlinkat(target.c_str(), parent, name.c_str()) != 0) {
    return MemberError(path, errno);
  }
  ++entry_count_;
  if (detour) detours_.push_back(path);
  return absl::OkStatus();
}

absl::Status TreeWriter::WriteText(const std::string& path,
                                   const std::string& target) {
  if (++warning_count_ <= static_cast<int64_t>(kMaxWarnings)) {
    warnings_.push_back(absl::StrCat(
        "the link ", ShownName(path), " leads out of the tree, to ",
        ShownName(target), "; it is written as a text file"));
  }
  bool given = false;
  return AddFile(
      path, /*executable=*/false,
      [&](char* buffer, size_t size) -> absl::StatusOr<size_t> {
        return std::exchange(given, true) ? 0 : target.copy(buffer, size);
      });
}

absl::Status TreeWriter::AddCopy(const std::string& path,
                                 const std::string& from) {
  const UniqueFd source = OpenBeneath(root_.get(), from, O_RDONLY | O_CLOEXEC);
  struct stat info;
  if (!source.valid() || fstat(source.get(), &info) != 0 ||
      !S_ISREG(info.st_mode)) {
    return BadMember(path,
                     absl::StrCat("it is a hard link to ", ShownName(from),
                                  ", which is no file before it"));
  }
  return AddFile(path, (info.st_mode & 0100) != 0,
                 [&](char* buffer, size_t size) -> absl::StatusOr<size_t> {
                   const ssize_t count = read(source.get(), buffer, size);
                   if (count < 0) return MemberError(from, errno);
                   return static_cast<size_t>(count);
                 });
}

absl::StatusOr<std::vector<std::string>> TreeWriter::Finish() {
  // Each link is followed by the kernel, which says EXDEV at the first step out
  // of the tree. One that ends at a missing name stays.
  for (std::string& path : std::exchange(detours_, {})) {
    if (!LeadsOut(root_.get(), path)) {
      detours_.push_back(std::move(path));
      continue;
    }
    HUBD_ASSIGN_OR_RETURN(const int parent, OpenFolder(FolderOf(path)));
    const std::string name(LastPart(path));
    std::string target(kMaxTarget + 1, '\0');
    const ssize_t size =
        readlinkat(parent, name.c_str(), target.data(), target.size());
    if (size < 0 || unlinkat(parent, name.c_str(), 0) != 0) {
      return MemberError(path, errno);
    }
    target.resize(static_cast<size_t>(size));
    --entry_count_;
    HUBD_RETURN_IF_ERROR(WriteText(path, target));
  }
  if (warning_count_ > static_cast<int64_t>(kMaxWarnings)) {
    warnings_.push_back(absl::StrCat(
        warning_count_ - static_cast<int64_t>(kMaxWarnings),
        " more links lead out of the tree; they are written as text files"));
  }
  return std::move(warnings_);
}

}  // namespace hubd
