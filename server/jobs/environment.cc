#include "server/jobs/environment.h"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace hubd {
namespace {

// Not in linux/magic.h.
constexpr auto kZfsMagic = 0x2fc12fc1;

constexpr int kMaxLinks = 40;

std::string PyvenvConfig(const v1::Interpreter& interpreter) {
  return absl::StrCat(interpreter.prefix(), "/pyvenv.cfg");
}

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

// False for a kind of file system that is not known to be local. What is not
// there lies where the directories above it do.
bool IsOnLocalDisk(const std::filesystem::path& path) {
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

// Whether that holds of every directory and link on the way.
bool IsLocal(const std::filesystem::path& path) {
  if (!path.is_absolute() || !IsOnLocalDisk("/")) return false;
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
      if (!IsOnLocalDisk(at)) return false;
    }
  }
  return true;
}

}  // namespace

std::optional<std::string> EnvironmentId(const v1::Interpreter& interpreter) {
  std::string text = interpreter.SerializeAsString();
  bool seen = AppendState(interpreter.executable(), text) &&
              AppendState(PyvenvConfig(interpreter), text);
  for (const std::string& site : interpreter.site_directories()) {
    seen = seen && AppendState(site, text);
  }
  if (!seen) return std::nullopt;
  return text;
}

bool IsOnLocalDisks(const v1::Interpreter& interpreter) {
  const auto& sites = interpreter.site_directories();
  return IsLocal(interpreter.executable()) &&
         IsLocal(PyvenvConfig(interpreter)) &&
         std::all_of(sites.begin(), sites.end(), IsLocal);
}

}  // namespace hubd
