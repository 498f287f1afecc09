#include "server/daemon/readiness.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/base/fs.h"
#include "server/base/text.h"
#include "server/daemon/places.h"

namespace hubd {

Readiness Readiness::TakeFromEnvironment() {
  constexpr char kName[] = "HUBD_READY_FD";
  int fd = -1;
  std::optional<std::string> value = EnvironmentValue(kName);
  ::unsetenv(kName);
  if (!value || !absl::SimpleAtoi(*value, &fd) || fd <= STDERR_FILENO ||
      ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
    return Readiness(UniqueFd());
  }
  return Readiness(UniqueFd(fd));
}

void Readiness::TellReady(absl::string_view socket) {
  Tell(absl::StrCat("ready ", socket));
}

void Readiness::TellHeld(const Holder& holder) {
  Tell(absl::StrCat("held ", holder.pid, " ", holder.host, " ",
                    holder.socket.empty() ? "-" : holder.socket));
}

void Readiness::TellError(absl::string_view text) {
  Tell(absl::StrCat("error ", text));
}

void Readiness::Tell(absl::string_view line) {
  if (!fd_.valid()) return;
  // A client that has gone away does not need the line.
  (void)WriteAll(fd_.get(), absl::StrCat(CleanLine(line), "\n"));
  fd_.reset();
}

}  // namespace hubd
