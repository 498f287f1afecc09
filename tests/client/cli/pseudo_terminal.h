// A terminal for a test, seen from its user's side.

#ifndef HUBD_TESTS_CLIENT_CLI_PSEUDO_TERMINAL_H_
#define HUBD_TESTS_CLIENT_CLI_PSEUDO_TERMINAL_H_

#include <pty.h>
#include <unistd.h>

#include <string>

#include "server/base/status.h"
#include "server/base/unique_fd.h"

namespace hubd {

class PseudoTerminal {
 public:
  explicit PseudoTerminal(int columns) {
    struct winsize size = {};
    size.ws_col = static_cast<unsigned short>(columns);
    size.ws_row = 24;
    int user = -1;
    int program = -1;
    HUBD_CHECK(::openpty(&user, &program, nullptr, nullptr, &size) == 0);
    user_.reset(user);
    program_.reset(program);
  }

  // The side that a program has as its stderr.
  int program() const { return program_.get(); }
  void CloseProgram() { program_.reset(); }

  // What comes next on the screen; empty at the end. Blocks.
  std::string Read() {
    char buffer[4096];
    const ssize_t count = ::read(user_.get(), buffer, sizeof(buffer));
    return count > 0 ? std::string(buffer, count) : "";
  }

 private:
  UniqueFd user_;
  UniqueFd program_;
};

}  // namespace hubd

#endif  // HUBD_TESTS_CLIENT_CLI_PSEUDO_TERMINAL_H_
