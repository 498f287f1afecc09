#include "server/store/reserve.h"

#include <fcntl.h>
#include <unistd.h>

#include "server/base/log.h"
#include "server/base/unique_fd.h"

namespace hubd {
namespace {

// Far more than one transaction takes.
constexpr off_t kBytes = 1 << 20;

}  // namespace

void Reserve::Fill() {
  if (held_) return;
  const UniqueFd fd(
      ::open(path_.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  held_ = fd.valid() && ::fallocate(fd.get(), 0, 0, kBytes) == 0;
  if (!held_) ::unlink(path_.c_str());
}

bool Reserve::GiveUp() {
  if (!held_) return false;
  held_ = false;
  if (::unlink(path_.c_str()) != 0) return false;
  HUBD_LOG(kWarning) << "event=reserve_given_up path=" << LogQuote(path_);
  return true;
}

}  // namespace hubd
