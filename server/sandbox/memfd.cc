#include "server/sandbox/memfd.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "server/base/fs.h"
#include "server/base/status.h"

// Since Linux 6.3, and not in Debian 12's headers.
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

namespace hubd {
namespace {

constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;

absl::StatusOr<UniqueFd> Seal(UniqueFd fd, absl::string_view bytes) {
  if (!fd.valid()) return ErrnoError(errno, "cannot make a memfd");
  HUBD_RETURN_IF_ERROR(WriteAll(fd.get(), bytes));
  const int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  if (::fcntl(fd.get(), F_ADD_SEALS, seals) != 0 ||
      ::lseek(fd.get(), 0, SEEK_SET) != 0) {
    return ErrnoError(errno, "cannot seal a memfd");
  }
  return fd;
}

}  // namespace

absl::StatusOr<UniqueFd> SealedMemfd(absl::string_view bytes) {
  return Seal(UniqueFd(::memfd_create("hubd", kFlags)), bytes);
}

absl::StatusOr<UniqueFd> SealedProgram(absl::string_view bytes) {
  UniqueFd fd(::memfd_create("hubd-program", kFlags | MFD_EXEC));
  // A kernel that does not know the flag executes every memfd.
  if (!fd.valid() && errno == EINVAL) {
    fd.reset(::memfd_create("hubd-program", kFlags));
  }
  if (!fd.valid() && errno == EACCES) {
    return absl::PermissionDeniedError(
        "this system executes nothing from memory, as the start of a sandbox "
        "wants: set the sysctl vm.memfd_noexec to 0 or 1");
  }
  return Seal(std::move(fd), bytes);
}

}  // namespace hubd
