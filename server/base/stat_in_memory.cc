#include "server/base/stat_in_memory.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>

#include "server/base/unique_fd.h"

namespace hubd {
namespace {

struct timespec TimeOf(const struct statx_timestamp& time) {
  return {.tv_sec = time.tv_sec, .tv_nsec = time.tv_nsec};
}

}  // namespace

absl::StatusOr<struct stat> StatInMemory(const std::string& path, Links links) {
  struct open_how how = {};
  how.flags = O_PATH | O_CLOEXEC;
  if (links == Links::kKeep) how.flags |= O_NOFOLLOW;
  how.resolve = RESOLVE_CACHED;
  const UniqueFd fd(static_cast<int>(
      ::syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof(how))));
  if (!fd.valid() && (errno == ENOENT || errno == ENOTDIR)) {
    return absl::NotFoundError("");
  }
  struct statx seen = {};
  if (!fd.valid() || ::statx(fd.get(), "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
                             STATX_BASIC_STATS, &seen) != 0) {
    return absl::UnavailableError("");
  }
  struct stat info = {};
  info.st_dev = makedev(seen.stx_dev_major, seen.stx_dev_minor);
  info.st_ino = seen.stx_ino;
  info.st_mode = seen.stx_mode;
  info.st_size = static_cast<off_t>(seen.stx_size);
  info.st_mtim = TimeOf(seen.stx_mtime);
  info.st_ctim = TimeOf(seen.stx_ctime);
  return info;
}

}  // namespace hubd
