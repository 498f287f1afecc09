// Tells the client that started this daemon how the start went.
//
// The client gives the write end of a pipe and its number in $HUBD_READY_FD; it
// gets one line and then the end of the pipe:
//
//   ready SOCKET            clients can connect
//   held PID HOST SOCKET    another daemon has the root; SOCKET may be "-"
//   error TEXT              the start failed

#ifndef HUBD_SERVER_DAEMON_READINESS_H_
#define HUBD_SERVER_DAEMON_READINESS_H_

#include <string>

#include "absl/strings/string_view.h"
#include "server/base/unique_fd.h"
#include "server/store/holder.h"

namespace hubd {

// Thread-compatible.
class Readiness {
 public:
  // Takes the descriptor and the variable away, so that no child sees them.
  // REQUIRES: no other thread reads the environment.
  static Readiness TakeFromEnvironment();

  // Without a descriptor nothing is told to anybody.
  explicit Readiness(UniqueFd fd) : fd_(std::move(fd)) {}

  // Whether a client waits for the line.
  bool awaited() const { return fd_.valid(); }

  void TellReady(absl::string_view socket);
  void TellHeld(const Holder& holder);
  void TellError(absl::string_view text);

 private:
  void Tell(absl::string_view line);

  UniqueFd fd_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_DAEMON_READINESS_H_
