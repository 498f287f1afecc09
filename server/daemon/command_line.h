// What hubd is told on its command line.

#ifndef HUBD_SERVER_DAEMON_COMMAND_LINE_H_
#define HUBD_SERVER_DAEMON_COMMAND_LINE_H_

#include <sys/types.h>

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace hubd {

struct CommandLine {
  enum class Action {
    kRunDaemon,
    kCheckConfig,
    // Print `text` and leave: --help, --version.
    kPrint,
    // Be a worker host (internal).
    kWorkerHost,
  };

  Action action = Action::kRunDaemon;
  std::string text;

  bool system = false;
  bool reflection = false;
  std::optional<std::string> config;
  std::optional<std::string> dir;
  // Where to listen; for a worker host, the daemon's socket.
  std::optional<std::string> socket;
  std::optional<absl::Duration> idle_exit;
  // The process that a worker host ends with; 0: none.
  pid_t parent = 0;
};

// INVALID_ARGUMENT for wrong usage.
absl::StatusOr<CommandLine> ParseCommandLine(int argc, const char* const* argv);

}  // namespace hubd

#endif  // HUBD_SERVER_DAEMON_COMMAND_LINE_H_
