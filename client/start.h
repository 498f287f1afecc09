// Starts a daemon and waits until it is ready.

#ifndef HUBD_CLIENT_START_H_
#define HUBD_CLIENT_START_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/call_limit.h"

namespace hubd {

// What a daemon says about its start, one line.
struct StartReport {
  enum class Kind {
    kReady,  // it listens at `socket`
    kHeld,   // another daemon has this root; `text` says which
    kError,  // it could not start; `text` says why
    kOther,  // it said `text`, which is no word of hubd's
    kEnded,  // it ended without a word
  };
  Kind kind = Kind::kEnded;
  std::string socket;
  std::string text;
};

// Reads "ready SOCKET", "held PID HOST SOCKET", "error TEXT"; nothing is
// kEnded, anything else kOther.
StartReport ParseStartReport(absl::string_view line);

// Whether the path is a file that may be run.
bool IsProgram(const std::string& path);

// The program that is `hubd`: $HUBD_DAEMON, else beside this program, else in
// PATH. UNAVAILABLE where there is none.
absl::StatusOr<std::string> FindDaemonProgram();

// Runs `program --dir root` in a session of its own, with nothing of this
// process open, and waits for its word. UNAVAILABLE where the program cannot be
// run, DEADLINE_EXCEEDED and CANCELLED by `limit`; the daemon then goes on.
absl::StatusOr<StartReport> StartDaemon(const std::string& program,
                                        const std::string& root,
                                        const CallLimit& limit);

// The last lines of the daemon's log, for a message; says so if there is none.
std::string EndOfLog(const std::string& root);

}  // namespace hubd

#endif  // HUBD_CLIENT_START_H_
