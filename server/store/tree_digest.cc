#include "server/store/tree_digest.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/digest.h"
#include "server/base/file_digest.h"
#include "server/base/status.h"
#include "server/base/unique_fd.h"
#include "server/store/stamp.h"

namespace hubd {
namespace {

constexpr absl::string_view kNul("\0", 1);

// One entry: its path, and what stands for it in the bytes that are hashed.
struct Entry {
  std::string path;
  std::string bytes;
};

// Goes by descriptors: a tree may be deeper than a path can be long.
class Collector {
 public:
  // `stamps`: what stat shows stands for an entry, not its content.
  Collector(Reading how, bool stamps) : how_(std::move(how)), stamps_(stamps) {}

  // Adds what is in the directory behind `fd`, at the path `prefix` of the
  // tree: empty, or ending with "/".
  absl::Status AddFolder(UniqueFd fd, const std::string& prefix) {
    HUBD_ASSIGN_OR_RETURN(std::vector<std::string> names,
                          NamesIn(fd.get(), prefix));
    for (const std::string& name : names) {
      if (how_.stop.stop_requested()) return absl::CancelledError("stopped");
      HUBD_RETURN_IF_ERROR(AddEntry(fd.get(), name, prefix + name));
    }
    return absl::OkStatus();
  }

  std::string Finish() {
    std::sort(entries_.begin(), entries_.end(),
              [](const Entry& a, const Entry& b) { return a.path < b.path; });
    Hasher hasher;
    hasher.Update("hubd tree 1");
    hasher.Update(kNul);
    for (const Entry& entry : entries_) hasher.Update(entry.bytes);
    return hasher.Finish();
  }

 private:
  static absl::StatusOr<std::vector<std::string>> NamesIn(
      int fd, const std::string& path) {
    // The DIR owns its descriptor.
    UniqueFd own(::openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    std::unique_ptr<DIR, int (*)(DIR*)> directory(
        own.valid() ? ::fdopendir(own.get()) : nullptr, ::closedir);
    if (!directory) return Unreadable(path);
    own.release();
    std::vector<std::string> names;
    // At the end and at an error readdir says the same; only errno differs.
    errno = 0;
    while (const dirent* entry = ::readdir(directory.get())) {
      absl::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
      errno = 0;
    }
    if (errno != 0) return Unreadable(path);
    return names;
  }

  absl::Status AddEntry(int parent, const std::string& name,
                        const std::string& path) {
    struct stat info;
    if (::fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
      return Unreadable(path);
    }
    if (stamps_) HUBD_RETURN_IF_ERROR(Add("s", path, StampOf(info) + '\0'));
    if (stamps_ && !S_ISDIR(info.st_mode)) return absl::OkStatus();
    if (S_ISREG(info.st_mode)) return AddFile(parent, name, path);
    if (S_ISLNK(info.st_mode)) return AddLink(parent, name, path);
    if (!S_ISDIR(info.st_mode)) return Add("o", path, "");
    UniqueFd fd(::openat(parent, name.c_str(),
                         O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd.valid()) return Unreadable(path);
    HUBD_RETURN_IF_ERROR(Add("d", path, ""));
    return AddFolder(std::move(fd), path + "/");
  }

  absl::Status AddFile(int parent, const std::string& name,
                       const std::string& path) {
    // Not to wait where somebody puts a pipe in its place.
    UniqueFd fd(::openat(parent, name.c_str(),
                         O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    struct stat info;
    if (!fd.valid() || ::fstat(fd.get(), &info) != 0) return Unreadable(path);
    absl::StatusOr<std::string> sha256 = Sha256OfFile(fd.get(), how_);
    if (!sha256.ok()) return Annotate(sha256.status(), path);
    const bool may_run = (info.st_mode & S_IXUSR) != 0;
    return Add(may_run ? "x" : "f", path,
               absl::StrCat(info.st_size, kNul, *sha256, kNul));
  }

  absl::Status AddLink(int parent, const std::string& name,
                       const std::string& path) {
    std::string target(PATH_MAX, '\0');
    const ssize_t size =
        ::readlinkat(parent, name.c_str(), target.data(), target.size());
    if (size < 0) return Unreadable(path);
    target.resize(size);
    return Add("l", path, absl::StrCat(target, kNul));
  }

  absl::Status Add(absl::string_view kind, const std::string& path,
                   const std::string& rest) {
    entries_.push_back({path, absl::StrCat(kind, kNul, path, kNul, rest)});
    return absl::OkStatus();
  }

  static absl::Status Unreadable(const std::string& path) {
    return ErrnoError(errno, absl::StrCat("cannot read ",
                                          path.empty() ? "its folder" : path));
  }

  const Reading how_;
  const bool stamps_;
  std::vector<Entry> entries_;
};

absl::StatusOr<std::string> Collect(const std::string& path,
                                    Collector collector) {
  UniqueFd fd(
      ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid() && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)) {
    return absl::NotFoundError(absl::StrCat(path, " is no directory"));
  }
  if (!fd.valid()) return ErrnoError(errno, absl::StrCat("cannot read ", path));
  HUBD_RETURN_IF_ERROR(Annotate(collector.AddFolder(std::move(fd), ""), path));
  return collector.Finish();
}

}  // namespace

absl::StatusOr<std::string> TreeDigest(const std::string& path,
                                       const Reading& how) {
  return Collect(path, Collector(how, /*stamps=*/false));
}

absl::StatusOr<std::string> TreeStamp(const std::string& path,
                                      const std::stop_token& stop) {
  return Collect(path, Collector({.stop = stop}, /*stamps=*/true));
}

}  // namespace hubd
