#include "server/base/local_disk.h"

#include <linux/magic.h>
#include <sys/vfs.h>

#include <cerrno>
#include <deque>
#include <system_error>

namespace hubd {
namespace {

// Not in linux/magic.h.
constexpr auto kZfsMagic = 0x2fc12fc1;

constexpr int kMaxLinks = 40;

// False for a kind of file system that is not known to be local. What is not
// there lies where the directories above it do.
bool IsLocalFileSystem(const std::filesystem::path& path) {
  struct statfs info;
  if (::statfs(path.c_str(), &info) != 0) {
    return errno == ENOENT || errno == ENOTDIR;
  }
  switch (info.f_type) {
    case EXT4_SUPER_MAGIC:  // ext2 and ext3, too.
    case XFS_SUPER_MAGIC:
    case BTRFS_SUPER_MAGIC:
    case F2FS_SUPER_MAGIC:
    case TMPFS_MAGIC:
    case OVERLAYFS_SUPER_MAGIC:
    case SQUASHFS_MAGIC:
    case kZfsMagic:
      return true;
    default:
      return false;
  }
}

}  // namespace

bool IsOnLocalDisk(const std::filesystem::path& path) {
  if (!path.is_absolute() || !IsLocalFileSystem("/")) return false;
  // Without links, and what is to be walked from there.
  std::filesystem::path at = "/";
  std::deque<std::filesystem::path> names(path.begin(), path.end());
  int links = 0;
  while (!names.empty()) {
    const std::filesystem::path name = names.front();
    names.pop_front();
    if (name.empty() || name == ".") continue;
    std::error_code error;
    const std::filesystem::path target =
        std::filesystem::read_symlink(at / name, error);
    if (!error) {
      if (++links > kMaxLinks) return false;
      names.insert(names.begin(), target.begin(), target.end());
    } else if (name == "..") {
      at = at.parent_path();
    } else {
      at /= name;  // An absolute link's first name is "/", which leads there.
      if (!IsLocalFileSystem(at)) return false;
    }
  }
  return true;
}

}  // namespace hubd
