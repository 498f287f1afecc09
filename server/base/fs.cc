#include "server/base/fs.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "absl/strings/str_cat.h"
#include "server/base/status.h"
#include "server/base/unique_fd.h"

namespace hubd {
namespace {

std::string Parent(const std::string& path) {
  std::string parent = std::filesystem::path(path).parent_path();
  return parent.empty() ? "." : parent;
}

absl::Status RemoveAt(int parent, const char* name, const std::string& shown);

// Empties the directory behind `fd`.
absl::Status EmptyDirectory(UniqueFd fd, const std::string& shown) {
  // Entries of a directory without the write bit cannot be unlinked.
  ::fchmod(fd.get(), 0700);
  int raw = fd.get();
  std::unique_ptr<DIR, int (*)(DIR*)> directory(::fdopendir(fd.release()),
                                                ::closedir);
  if (!directory) return ErrnoError(errno, absl::StrCat("cannot open ", shown));
  while (const dirent* entry = ::readdir(directory.get())) {
    absl::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    HUBD_RETURN_IF_ERROR(
        RemoveAt(raw, entry->d_name, absl::StrCat(shown, "/", entry->d_name)));
  }
  return absl::OkStatus();
}

absl::Status RemoveAt(int parent, const char* name, const std::string& shown) {
  if (::unlinkat(parent, name, 0) == 0 || errno == ENOENT) {
    return absl::OkStatus();
  }
  if (errno != EISDIR && errno != EPERM) {
    return ErrnoError(errno, absl::StrCat("cannot remove ", shown));
  }
  // A directory without the read bit cannot be opened.
  [[maybe_unused]] int changed = ::fchmodat(parent, name, 0700, 0);
  UniqueFd fd(
      ::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) {
    return ErrnoError(errno, absl::StrCat("cannot open ", shown));
  }
  HUBD_RETURN_IF_ERROR(EmptyDirectory(std::move(fd), shown));
  if (::unlinkat(parent, name, AT_REMOVEDIR) == 0) return absl::OkStatus();
  return ErrnoError(errno, absl::StrCat("cannot remove ", shown));
}

}  // namespace

absl::Status MakeDirectories(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) == 0) return absl::OkStatus();
  if (errno == EEXIST) {
    struct stat info;
    if (::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
      return absl::OkStatus();
    }
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is there and is no directory"));
  }
  if (errno != ENOENT || path.empty() || path == "/") {
    return ErrnoError(errno, absl::StrCat("cannot make ", path));
  }
  HUBD_RETURN_IF_ERROR(MakeDirectories(Parent(path), mode));
  if (::mkdir(path.c_str(), mode) == 0 || errno == EEXIST) {
    return absl::OkStatus();
  }
  return ErrnoError(errno, absl::StrCat("cannot make ", path));
}

absl::Status SyncDirectory(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoError(errno, absl::StrCat("cannot open ", path));
  if (::fsync(fd.get()) == 0) return absl::OkStatus();
  return ErrnoError(errno, absl::StrCat("cannot sync ", path));
}

absl::Status RenameDurably(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0) {
    return ErrnoError(errno, absl::StrCat("cannot rename ", from, " to ", to));
  }
  return SyncDirectory(Parent(to));
}

absl::Status WriteFileDurably(const std::string& path,
                              absl::string_view content, mode_t mode) {
  static std::atomic<uint64_t> counter{0};
  std::string temporary =
      absl::StrCat(path, ".", ::getpid(), ".", counter++, ".tmp");
  UniqueFd fd(
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!fd.valid()) {
    return ErrnoError(errno, absl::StrCat("cannot make ", temporary));
  }
  absl::Status status = WriteAll(fd.get(), content);
  if (status.ok() && ::fsync(fd.get()) != 0) {
    status = ErrnoError(errno, absl::StrCat("cannot sync ", temporary));
  }
  if (status.ok()) status = RenameDurably(temporary, path);
  if (!status.ok()) ::unlink(temporary.c_str());
  return status;
}

absl::StatusOr<std::string> ReadFile(const std::string& path,
                                     int64_t max_bytes) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    if (errno == ENOENT) {
      return absl::NotFoundError(absl::StrCat("there is no ", path));
    }
    return ErrnoError(errno, absl::StrCat("cannot open ", path));
  }
  absl::Status too_long = absl::FailedPreconditionError(
      absl::StrCat(path, " has over ", max_bytes, " bytes"));
  struct stat info;
  if (::fstat(fd.get(), &info) == 0 && info.st_size > max_bytes) {
    return too_long;
  }
  std::string content;
  char buffer[65536];
  while (true) {
    ssize_t count = ::read(fd.get(), buffer, sizeof(buffer));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoError(errno, absl::StrCat("cannot read ", path));
    if (count == 0) return content;
    content.append(buffer, count);
    // Of a pipe, or of a file that grows.
    if (static_cast<int64_t>(content.size()) > max_bytes) return too_long;
  }
}

bool IsThere(const std::string& path) {
  struct stat info;
  return ::lstat(path.c_str(), &info) == 0 ||
         (errno != ENOENT && errno != ENOTDIR);
}

absl::Status RemoveAll(const std::string& path) {
  return RemoveAt(AT_FDCWD, path.c_str(), path);
}

absl::Status RemoveContents(const std::string& directory) {
  HUBD_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                        ListDirectory(directory));
  for (const std::string& name : names) {
    HUBD_RETURN_IF_ERROR(RemoveAll(absl::StrCat(directory, "/", name)));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> ListDirectory(
    const std::string& path) {
  std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()),
                                                ::closedir);
  if (!directory) return ErrnoError(errno, absl::StrCat("cannot open ", path));
  std::vector<std::string> names;
  // At the end and at an error readdir says the same; only errno differs.
  errno = 0;
  while (const dirent* entry = ::readdir(directory.get())) {
    absl::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
    errno = 0;
  }
  if (errno != 0) return ErrnoError(errno, absl::StrCat("cannot read ", path));
  std::sort(names.begin(), names.end());
  return names;
}

absl::Status WriteAll(int fd, absl::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoError(errno, "cannot write");
    bytes.remove_prefix(count);
  }
  return absl::OkStatus();
}

bool LeadsTo(const std::string& path, int fd) {
  struct stat named;
  struct stat held;
  return ::stat(path.c_str(), &named) == 0 && ::fstat(fd, &held) == 0 &&
         named.st_dev == held.st_dev && named.st_ino == held.st_ino;
}

std::string CanonicalPath(const std::string& path) {
  // What is there costs one look at each component; the rest is for what is
  // not.
  char there[PATH_MAX];
  if (::realpath(path.c_str(), there) != nullptr) return there;
  std::error_code error;
  std::filesystem::path absolute = std::filesystem::absolute(path, error);
  std::filesystem::path canonical =
      std::filesystem::weakly_canonical(absolute, error);
  std::string result = error ? absolute.lexically_normal() : canonical;
  while (result.size() > 1 && result.back() == '/') result.pop_back();
  return result;
}

}  // namespace hubd
