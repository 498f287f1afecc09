#include "client/cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include "client/environment.h"

namespace hubd {

bool IsTerminal(int fd) {
  return ::isatty(fd) != 0 && EnvironmentOrEmpty("TERM") != "dumb";
}

int TerminalWidth(int fd) {
  if (::isatty(fd) == 0) return 0;
  struct winsize size;
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

int TerminalHeight(int fd) {
  struct winsize size;
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) return 24;
  return size.ws_row;
}

}  // namespace hubd
