// A file system that is soon full.

#ifndef HUBD_TESTS_SERVER_BASE_SMALL_DISK_H_
#define HUBD_TESTS_SERVER_BASE_SMALL_DISK_H_

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <string>

#include "server/base/fs.h"
#include "server/base/unique_fd.h"

namespace hubd {

// Puts a tmpfs of 2 MiB at `path`, in a mount namespace of this process's own,
// so that nobody has to be root. False where that is not allowed. REQUIRES: the
// process has one thread.
inline bool MountSmallDisk(const std::string& path) {
  const auto write = [](const std::string& file, const std::string& text) {
    UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
    return fd.valid() && WriteAll(fd.get(), text).ok();
  };
  const std::string uid = std::to_string(::geteuid());
  const std::string gid = std::to_string(::getegid());
  return ::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
         write("/proc/self/uid_map", uid + " " + uid + " 1") &&
         write("/proc/self/setgroups", "deny") &&
         write("/proc/self/gid_map", gid + " " + gid + " 1") &&
         ::mount("none", path.c_str(), "tmpfs", 0, "size=2m,mode=0700") == 0;
}

}  // namespace hubd

#endif  // HUBD_TESTS_SERVER_BASE_SMALL_DISK_H_
