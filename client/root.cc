#include "client/root.h"

#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/environment.h"
#include "server/base/digest.h"
#include "server/base/status.h"

namespace hubd {
namespace {

// `path` with a leading "~" replaced: an environment that no shell has read
// may hold one.
std::string ExpandHome(const std::string& path) {
  if (path == "~" || absl::StartsWith(path, "~/")) {
    return absl::StrCat(HomeDirectory(), path.substr(1));
  }
  return path;
}

absl::StatusOr<std::string> AbsolutePath(const std::string& path) {
  if (absl::StartsWith(path, "/")) return path;
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  if (!error) return absolute.string();
  return absl::FailedPreconditionError(
      absl::StrCat("the root ", path,
                   " is a relative path, and the working directory was "
                   "removed: give an absolute path (--dir, HUBD_HOME)"));
}

// Whether the path of a socket in `directory` fits into a socket's address.
bool HasRoomForSocket(const std::string& directory) {
  constexpr absl::string_view kName = "/0123456789abcdef.sock";
  return directory.size() + kName.size() < sizeof(sockaddr_un::sun_path);
}

// As the daemon finds it, which listens there.
std::string SocketDirectoryPath() {
  const std::string runtime = EnvironmentOrEmpty("XDG_RUNTIME_DIR");
  struct stat info;
  if (absl::StartsWith(runtime, "/") && ::stat(runtime.c_str(), &info) == 0 &&
      S_ISDIR(info.st_mode) && info.st_uid == ::geteuid()) {
    std::string directory = absl::StrCat(runtime, "/hubd");
    if (HasRoomForSocket(directory)) return directory;
  }
  return absl::StrCat("/tmp/hubd-", ::geteuid());
}

}  // namespace

absl::StatusOr<std::string> FindRoot(const std::string& chosen) {
  if (!chosen.empty()) return AbsolutePath(ExpandHome(chosen));
  const std::string home = EnvironmentOrEmpty("HUBD_HOME");
  if (!home.empty()) return AbsolutePath(ExpandHome(home));
  const std::string cache = EnvironmentOrEmpty("XDG_CACHE_HOME");
  if (!cache.empty()) {
    return AbsolutePath(absl::StrCat(ExpandHome(cache), "/hubd"));
  }
  const std::string user = HomeDirectory();
  if (user.empty()) {
    return absl::FailedPreconditionError(
        "you have no home directory: set HUBD_HOME to where the cache shall "
        "lie");
  }
  return AbsolutePath(absl::StrCat(user, "/.cache/hubd"));
}

std::string RootKey(const std::string& root) {
  return Sha256Hex(root).substr(0, 16);
}

std::string AddressFile(const std::string& root) {
  return absl::StrCat(root, "/store/ADDRESS");
}

std::string LogFile(const std::string& root) {
  return absl::StrCat(root, "/store/log");
}

absl::StatusOr<std::string> SocketDirectory() {
  std::string path = SocketDirectoryPath();
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return ErrnoError(errno, absl::StrCat("cannot make ", path));
  }
  struct stat info;
  if (::lstat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode) ||
      info.st_uid != ::geteuid() || (info.st_mode & 0077) != 0) {
    return absl::UnavailableError(absl::StrCat(
        path,
        " must be a directory of yours with mode 0700: remove it, or set "
        "XDG_RUNTIME_DIR to a directory of yours"));
  }
  return path;
}

}  // namespace hubd
