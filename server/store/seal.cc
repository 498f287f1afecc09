#include "server/store/seal.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/status.h"
#include "server/base/unique_fd.h"

namespace hubd {
namespace {

// Goes by descriptors: a tree may be deeper than a path can be long.
absl::Status SealEntry(int parent, const char* name, const std::string& shown);

absl::Status SealEntries(UniqueFd fd, const std::string& shown) {
  const int raw = fd.get();
  std::unique_ptr<DIR, int (*)(DIR*)> directory(::fdopendir(raw), ::closedir);
  if (!directory) return ErrnoError(errno, absl::StrCat("cannot read ", shown));
  fd.release();  // The DIR owns it.
  // At the end and at an error readdir says the same; only errno differs.
  errno = 0;
  while (const dirent* entry = ::readdir(directory.get())) {
    absl::string_view name = entry->d_name;
    if (name != "." && name != "..") {
      HUBD_RETURN_IF_ERROR(
          SealEntry(raw, entry->d_name, absl::StrCat(shown, "/", name)));
    }
    errno = 0;
  }
  if (errno != 0) return ErrnoError(errno, absl::StrCat("cannot read ", shown));
  return absl::OkStatus();
}

absl::Status SealEntry(int parent, const char* name, const std::string& shown) {
  struct stat info;
  if (::fstatat(parent, name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
    return ErrnoError(errno, absl::StrCat("cannot look at ", shown));
  }
  if (S_ISLNK(info.st_mode)) return absl::OkStatus();
  if (S_ISDIR(info.st_mode)) {
    UniqueFd fd(::openat(parent, name,
                         O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd.valid()) {
      return ErrnoError(errno, absl::StrCat("cannot open ", shown));
    }
    HUBD_RETURN_IF_ERROR(SealEntries(std::move(fd), shown));
  }
  const bool may_enter = S_ISDIR(info.st_mode) || (info.st_mode & S_IXUSR) != 0;
  if (::fchmodat(parent, name, may_enter ? 0555 : 0444, 0) == 0) {
    return absl::OkStatus();
  }
  return ErrnoError(errno, absl::StrCat("cannot change the mode of ", shown));
}

}  // namespace

absl::Status SealFile(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info;
  if (!fd.valid() || ::fstat(fd.get(), &info) != 0) {
    return ErrnoError(errno, absl::StrCat("cannot open ", path));
  }
  // A file that nobody can write may be somebody's own, too: who can read it
  // stays as he chose.
  const bool sealed = (info.st_mode & 0222) == 0;
  if ((sealed || ::fchmod(fd.get(), 0444) == 0) && ::fsync(fd.get()) == 0) {
    return absl::OkStatus();
  }
  return ErrnoError(errno, absl::StrCat("cannot sync ", path));
}

absl::Status SealBelow(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoError(errno, absl::StrCat("cannot open ", path));
  // One syncfs for the whole tree: an fsync for each of ten thousand files
  // takes far longer. It also waits for what others wrote on the same file
  // system.
  UniqueFd entries(::openat(fd.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  HUBD_RETURN_IF_ERROR(SealEntries(std::move(entries), path));
  if (::fchmod(fd.get(), 0755) != 0) {
    return ErrnoError(errno, absl::StrCat("cannot change the mode of ", path));
  }
  if (::syncfs(fd.get()) == 0) return absl::OkStatus();
  return ErrnoError(errno, absl::StrCat("cannot sync ", path));
}

absl::Status SealTop(const std::string& path) {
  if (::chmod(path.c_str(), 0555) == 0) return absl::OkStatus();
  return ErrnoError(errno, absl::StrCat("cannot change the mode of ", path));
}

}  // namespace hubd
