#include "server/store/reserve.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/base/log.h"
#include "server/base/status.h"
#include "server/base/unique_fd.h"

namespace hubd {
namespace {

// Far more than one transaction takes.
constexpr off_t kBytes = 1 << 20;

}  // namespace

void Reserve::Fill() {
  const UniqueFd fd(
      ::open(path_.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  struct stat info;
  if (!fd.valid() || ::fstat(fd.get(), &info) != 0) return;
  // A sudden end may have left less.
  if (info.st_size >= kBytes) return;
  if (::fallocate(fd.get(), 0, 0, kBytes) != 0) ::unlink(path_.c_str());
}

bool Reserve::GiveUp() {
  if (::unlink(path_.c_str()) != 0) return false;
  HUBD_LOG(kWarning) << "event=reserve_given_up path=" << LogQuote(path_);
  return true;
}

absl::Status Reserve::Write(const std::function<absl::Status()>& write) {
  absl::Status status = write();
  if (ReasonOf(status) != Reason::kDiskFull) return status;
  // Another one may have given it up just now.
  (void)GiveUp();
  return write();
}

}  // namespace hubd
