#include "server/base/beneath.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/status.h"

namespace hubd {
namespace {

constexpr int kMaxTries = 1000;

}  // namespace

UniqueFd OpenBeneath(int folder, const std::string& path, uint64_t flags,
                     uint64_t resolve, mode_t mode) {
  open_how how = {};
  how.flags = flags;
  how.mode = mode;
  how.resolve = resolve;
  // The kernel says EAGAIN when anything on the machine was renamed while it
  // went through a "..".
  for (int tries = 0; tries < kMaxTries; ++tries) {
    const int64_t fd =
        syscall(SYS_openat2, folder, path.c_str(), &how, sizeof(how));
    if (fd >= 0) return UniqueFd(static_cast<int>(fd));
    if (errno != EAGAIN && errno != EINTR) break;
  }
  return UniqueFd();
}

bool LeadsOut(int folder, const std::string& path) {
  return !OpenBeneath(folder, path, O_PATH | O_CLOEXEC, RESOLVE_BENEATH)
              .valid() &&
         (errno == EXDEV || errno == EAGAIN);
}

absl::StatusOr<std::vector<std::string>> ListBeneath(int folder,
                                                     const std::string& path,
                                                     size_t max_names) {
  UniqueFd fd = OpenBeneath(folder, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  // The DIR owns its descriptor.
  std::unique_ptr<DIR, int (*)(DIR*)> directory(
      fd.valid() ? ::fdopendir(fd.get()) : nullptr, ::closedir);
  if (!directory) return ErrnoError(errno, absl::StrCat("cannot read ", path));
  fd.release();
  std::vector<std::string> names;
  // At the end and at an error readdir says the same; only errno differs.
  errno = 0;
  while (const dirent* entry = ::readdir(directory.get())) {
    const absl::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
    if (names.size() > max_names) {
      return absl::FailedPreconditionError(
          absl::StrCat(path, " has over ", max_names, " entries"));
    }
    errno = 0;
  }
  if (errno != 0) return ErrnoError(errno, absl::StrCat("cannot read ", path));
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace hubd
