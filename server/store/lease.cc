#include "server/store/lease.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "server/base/status.h"

namespace hubd {

namespace {

absl::Status Gone(const std::string& path) {
  return absl::NotFoundError(
      absl::StrCat(path, " was removed from the cache; ask for it again"));
}

}  // namespace

absl::StatusOr<Lease> TakeLease(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.valid()) return LeaseOpened(std::move(fd), path);
  if (errno == ENOENT) return Gone(path);
  return ErrnoError(errno, absl::StrCat("cannot open ", path));
}

absl::StatusOr<Lease> LeaseOpened(UniqueFd fd, const std::string& path) {
  // Who holds it exclusively is about to remove it. Waiting would also let
  // anyone who can read the object hold up everyone else.
  if (::flock(fd.get(), LOCK_SH | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return Gone(path);
    return ErrnoError(errno, absl::StrCat("cannot lock ", path));
  }
  // The object may have been renamed away between the open and the lock, which
  // is then granted on what nobody else can find.
  struct stat held;
  struct stat named;
  if (::fstat(fd.get(), &held) != 0 || ::stat(path.c_str(), &named) != 0 ||
      held.st_dev != named.st_dev || held.st_ino != named.st_ino) {
    return Gone(path);
  }
  return Lease(std::move(fd));
}

}  // namespace hubd
