#include "server/jobs/environment.h"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "absl/strings/str_cat.h"

namespace hubd {
namespace {

// Not in linux/magic.h.
constexpr auto kZfsMagic = 0x2fc12fc1;

// Appends how the path is at this moment; false where that cannot be seen. The
// change time counts too: tools that copy installations set the modification
// time to what it was elsewhere.
bool AppendState(const std::string& path, std::string& text) {
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) {
    const int error = errno;
    absl::StrAppend(&text, "absent\n");
    return error == ENOENT || error == ENOTDIR;
  }
  absl::StrAppend(&text, info.st_ino, " ", info.st_size, " ",
                  info.st_mtim.tv_sec, ".", info.st_mtim.tv_nsec, " ",
                  info.st_ctim.tv_sec, ".", info.st_ctim.tv_nsec, "\n");
  return true;
}

// False for a kind of file system that is not known to be local.
bool IsOnLocalDisk(const std::string& path) {
  std::filesystem::path existing = path;
  struct statfs info;
  while (::statfs(existing.c_str(), &info) != 0) {
    if (errno != ENOENT && errno != ENOTDIR) return false;
    if (existing == existing.parent_path()) return false;
    existing = existing.parent_path();
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
  }
  return false;
}

}  // namespace

std::optional<std::string> EnvironmentId(const v1::Interpreter& interpreter) {
  std::string text = interpreter.SerializeAsString();
  bool seen =
      AppendState(interpreter.executable(), text) &&
      AppendState(absl::StrCat(interpreter.prefix(), "/pyvenv.cfg"), text);
  for (const std::string& site : interpreter.site_directories()) {
    seen = seen && AppendState(site, text);
  }
  if (!seen) return std::nullopt;
  return text;
}

bool IsOnLocalDisks(const v1::Interpreter& interpreter) {
  const auto& sites = interpreter.site_directories();
  return IsOnLocalDisk(interpreter.executable()) &&
         IsOnLocalDisk(interpreter.prefix()) &&
         std::all_of(sites.begin(), sites.end(), IsOnLocalDisk);
}

}  // namespace hubd
