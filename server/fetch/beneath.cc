#include "server/fetch/beneath.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

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

}  // namespace hubd
