#include "server/jobs/environment.h"

#include <sys/stat.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "server/base/digest.h"

namespace hubd {
namespace {

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
  return Sha256Hex(text);
}

}  // namespace hubd
