#include "server/jobs/environment.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "server/base/local_disk.h"
#include "server/base/stat_in_memory.h"
#include "server/base/status.h"

namespace hubd {
namespace {

// NOT_FOUND: nothing is there.
using StatFn = absl::StatusOr<struct stat> (*)(const std::string& path);

absl::StatusOr<struct stat> StatOnDisk(const std::string& path) {
  struct stat info;
  if (::stat(path.c_str(), &info) == 0) return info;
  if (errno == ENOENT || errno == ENOTDIR) return absl::NotFoundError("");
  return ErrnoError(errno, path);
}

std::string PyvenvConfig(const v1::Interpreter& interpreter) {
  return absl::StrCat(interpreter.prefix(), "/pyvenv.cfg");
}

// Appends how the path is at this moment; false where that cannot be seen. The
// change time counts too: tools that copy installations set the modification
// time to what it was elsewhere.
bool AppendState(const std::string& path, StatFn stat, std::string& text) {
  const absl::StatusOr<struct stat> info = stat(path);
  if (!info.ok()) {
    absl::StrAppend(&text, "absent\n");
    return absl::IsNotFound(info.status());
  }
  absl::StrAppend(&text, info->st_ino, " ", info->st_size, " ",
                  info->st_mtim.tv_sec, ".", info->st_mtim.tv_nsec, " ",
                  info->st_ctim.tv_sec, ".", info->st_ctim.tv_nsec, "\n");
  return true;
}

std::optional<std::string> IdBy(StatFn stat,
                                const v1::Interpreter& interpreter) {
  std::string text = interpreter.SerializeAsString();
  bool seen = AppendState(interpreter.executable(), stat, text) &&
              AppendState(PyvenvConfig(interpreter), stat, text);
  for (const std::string& site : interpreter.site_directories()) {
    seen = seen && AppendState(site, stat, text);
  }
  if (!seen) return std::nullopt;
  return text;
}

}  // namespace

std::optional<std::string> EnvironmentId(const v1::Interpreter& interpreter) {
  return IdBy(StatOnDisk, interpreter);
}

std::optional<std::string> EnvironmentIdInMemory(
    const v1::Interpreter& interpreter) {
  return IdBy(
      [](const std::string& path) {
        return StatInMemory(path, Links::kFollow);
      },
      interpreter);
}

bool IsOnLocalDisks(const v1::Interpreter& interpreter) {
  const auto& sites = interpreter.site_directories();
  return IsOnLocalDisk(interpreter.executable()) &&
         IsOnLocalDisk(PyvenvConfig(interpreter)) &&
         std::all_of(sites.begin(), sites.end(), IsOnLocalDisk);
}

}  // namespace hubd
