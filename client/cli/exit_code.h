// What hubctl's exit status says.

#ifndef HUBD_CLIENT_CLI_EXIT_CODE_H_
#define HUBD_CLIENT_CLI_EXIT_CODE_H_

#include "absl/status/status.h"

namespace hubd {

enum ExitCode {
  kExitDone = 0,
  kExitFailed = 1,
  kExitUsage = 2,
  kExitUnreachable = 3,
  kExitRefused = 4,
  kExitNotFound = 5,
  kExitOfflineMiss = 6,
  kExitIntegrity = 7,
  // Of run, as a shell has them.
  kExitCannotRun = 126,
  kExitNoProgram = 127,
};

// By the reason where there is one, else by the code.
ExitCode ExitCodeOf(const absl::Status& status);

}  // namespace hubd

#endif  // HUBD_CLIENT_CLI_EXIT_CODE_H_
