// What the command `hubd` does, as the command line says. Each gives the exit
// status and writes its errors to stderr.

#ifndef HUBD_SERVER_DAEMON_RUN_H_
#define HUBD_SERVER_DAEMON_RUN_H_

#include "server/daemon/command_line.h"

namespace hubd {

// Sets the level of the log from $HUBD_LOG; a word that is none is said and
// passed over.
void SetLogLevelFromEnvironment();

// Runs a daemon until its end: 0, or 1 where it cannot start or loses its root.
// REQUIRES: called by the main thread before there is another.
int RunDaemon(const CommandLine& line);

// Prints "FILE: ok": 0, or 1 with the error on stderr.
int CheckConfig(const CommandLine& line);

}  // namespace hubd

#endif  // HUBD_SERVER_DAEMON_RUN_H_
