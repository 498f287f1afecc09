#include "server/base/standard_fds.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <initializer_list>

namespace hubd {

// Each is opened for what it is not used for, so that its use is an error, as
// it would be if it were closed. An open takes the lowest free number.
void FillStandardFds() {
  for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    ::open("/dev/null", O_CLOEXEC | (fd == STDIN_FILENO ? O_WRONLY : O_RDONLY));
  }
}

}  // namespace hubd
