#include "server/sandbox/drop_root.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "server/base/status.h"
#include "server/base/unique_fd.h"

namespace hubd {
namespace {

// Every system has it, and nothing of it is needed once the binds are in hand.
constexpr char kNeutral[] = "/tmp";

// A mount of `path` that is attached nowhere.
absl::StatusOr<UniqueFd> CloneMount(const std::string& path) {
  UniqueFd fd(::open_tree(AT_FDCWD, path.c_str(),
                          OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE));
  if (!fd.valid()) return ErrnoError(errno, absl::StrCat("cannot bind ", path));
  return fd;
}

absl::Status Attach(const UniqueFd& mount, const std::string& place) {
  struct stat info;
  if (::fstat(mount.get(), &info) != 0) {
    return ErrnoError(errno, "cannot look at a bind");
  }
  if (S_ISDIR(info.st_mode)) {
    if (::mkdir(place.c_str(), 0711) != 0) {
      return ErrnoError(errno, absl::StrCat("cannot make ", place));
    }
  } else {
    UniqueFd file(
        ::open(place.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0444));
    if (!file.valid()) {
      return ErrnoError(errno, absl::StrCat("cannot make ", place));
    }
  }
  if (::move_mount(mount.get(), "", AT_FDCWD, place.c_str(),
                   MOVE_MOUNT_F_EMPTY_PATH) != 0) {
    return ErrnoError(errno, absl::StrCat("cannot attach ", place));
  }
  return absl::OkStatus();
}

// 1. A mount namespace of our own, from which nothing goes back to the host's.
// 2. Take hold of all binds, since 3 hides those that lie in /tmp.
// 3. An empty /tmp that everyone can pass.
// 4. Attach them there.
absl::Status MoveBinds(SandboxPolicy& policy) {
  if (::unshare(CLONE_NEWNS) != 0) {
    return ErrnoError(errno,
                      "root cannot make a mount namespace here (a container "
                      "needs CAP_SYS_ADMIN, or run as an ordinary user)");
  }
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return ErrnoError(errno, "cannot make mounts private");
  }
  std::vector<UniqueFd> mounts;
  for (const SandboxPolicy::Bind& bind : policy.binds) {
    HUBD_ASSIGN_OR_RETURN(UniqueFd mount, CloneMount(bind.source));
    mounts.push_back(std::move(mount));
  }
  if (::mount("hubd", kNeutral, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
              "mode=0711,size=1m") != 0) {
    return ErrnoError(errno, "cannot mount a tmpfs");
  }
  for (size_t i = 0; i < mounts.size(); ++i) {
    policy.binds[i].source = absl::StrCat(kNeutral, "/", i);
    HUBD_RETURN_IF_ERROR(Attach(mounts[i], policy.binds[i].source));
  }
  return absl::OkStatus();
}

absl::Status BecomeSpareUser() {
  const uid_t uid = kFirstSandboxUid + ::getpid() % kSandboxUids;
  if (::chdir("/") != 0 || ::setgroups(0, nullptr) != 0 ||
      ::setresgid(uid, uid, uid) != 0 || ::setresuid(uid, uid, uid) != 0) {
    return ErrnoError(errno, absl::StrCat("cannot become uid ", uid));
  }
  if (::setuid(0) == 0) return absl::InternalError("root came back");
  return absl::OkStatus();
}

}  // namespace

absl::Status DropRoot(SandboxPolicy& policy) {
  HUBD_RETURN_IF_ERROR(MoveBinds(policy));
  return BecomeSpareUser();
}

}  // namespace hubd
