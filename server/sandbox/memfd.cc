#include "server/sandbox/memfd.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "server/base/fs.h"
#include "server/base/status.h"

namespace hubd {

absl::StatusOr<UniqueFd> SealedMemfd(absl::string_view bytes) {
  UniqueFd fd(::memfd_create("hubd", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd.valid()) return ErrnoError(errno, "cannot make a memfd");
  HUBD_RETURN_IF_ERROR(WriteAll(fd.get(), bytes));
  const int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  if (::fcntl(fd.get(), F_ADD_SEALS, seals) != 0 ||
      ::lseek(fd.get(), 0, SEEK_SET) != 0) {
    return ErrnoError(errno, "cannot seal a memfd");
  }
  return fd;
}

}  // namespace hubd
