// What stands behind a descriptor.

#ifndef HUBD_CLIENT_CLI_TERMINAL_H_
#define HUBD_CLIENT_CLI_TERMINAL_H_

namespace hubd {

// Whether `fd` is a terminal on which a line can be drawn again.
bool IsTerminal(int fd);

// The columns of the terminal behind `fd`; 0 where there is none, 80 where it
// does not say.
int TerminalWidth(int fd);

// Its lines; 24 where it does not say.
int TerminalHeight(int fd);

}  // namespace hubd

#endif  // HUBD_CLIENT_CLI_TERMINAL_H_
