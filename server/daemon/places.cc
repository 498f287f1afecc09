#include "server/daemon/places.h"

#include <pwd.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "server/base/digest.h"
#include "server/base/fs.h"
#include "server/base/status.h"

namespace hubd {
namespace {

// Whether the path of a socket in `directory` fits into a socket's address.
bool HasRoomForSocket(const std::string& directory) {
  constexpr absl::string_view kName = "/0123456789abcdef.sock";
  return directory.size() + kName.size() < sizeof(sockaddr_un::sun_path);
}

// As the clients find it, which keep their lock there.
std::string SocketDirectory() {
  std::optional<std::string> runtime = EnvironmentValue("XDG_RUNTIME_DIR");
  struct stat info;
  if (runtime && runtime->front() == '/' &&
      ::stat(runtime->c_str(), &info) == 0 && S_ISDIR(info.st_mode) &&
      info.st_uid == ::geteuid()) {
    std::string directory = absl::StrCat(*runtime, "/hubd");
    if (HasRoomForSocket(directory)) return directory;
  }
  return absl::StrCat("/tmp/hubd-", ::geteuid());
}

// Anybody can make names in /tmp, so a directory there is looked at, not
// believed.
absl::Status CheckPrivate(const std::string& directory) {
  struct stat info;
  if (::lstat(directory.c_str(), &info) != 0) {
    return ErrnoError(errno, absl::StrCat("cannot look at ", directory));
  }
  if (!S_ISDIR(info.st_mode) || info.st_uid != ::geteuid()) {
    return absl::FailedPreconditionError(absl::StrCat(
        directory, ", where the socket should be, is not a directory of uid ",
        ::geteuid(),
        ": remove it, or set XDG_RUNTIME_DIR to a directory of yours"));
  }
  if ((info.st_mode & 077) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(directory,
                     ", where the socket should be, is open to "
                     "other users: chmod 700 ",
                     directory));
  }
  return absl::OkStatus();
}

}  // namespace

std::optional<std::string> EnvironmentValue(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

std::string HomeDirectory() {
  if (auto home = EnvironmentValue("HOME")) return *home;
  const passwd* entry = ::getpwuid(::geteuid());
  return entry == nullptr ? "/" : entry->pw_dir;
}

std::string UserRoot(const std::optional<std::string>& dir) {
  if (dir) return CanonicalPath(*dir);
  if (auto home = EnvironmentValue("HUBD_HOME")) return CanonicalPath(*home);
  if (auto cache = EnvironmentValue("XDG_CACHE_HOME")) {
    return CanonicalPath(absl::StrCat(*cache, "/hubd"));
  }
  return CanonicalPath(absl::StrCat(HomeDirectory(), "/.cache/hubd"));
}

absl::StatusOr<std::string> UserSocket(const std::string& root) {
  std::string directory = SocketDirectory();
  HUBD_RETURN_IF_ERROR(MakeDirectories(directory, 0700));
  HUBD_RETURN_IF_ERROR(CheckPrivate(directory));
  return absl::StrCat(directory, "/", Sha256Hex(root).substr(0, 16), ".sock");
}

}  // namespace hubd
