// Debian's git, run in a child.

#ifndef HUBD_SERVER_NET_GIT_PROGRAM_H_
#define HUBD_SERVER_NET_GIT_PROGRAM_H_

#include <sys/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/mutex.h"
#include "server/base/unique_fd.h"

namespace hubd {

// What the child has as descriptor 3, where it is given one: git reads it as
// the remote "fd::3".
inline constexpr int kGitRemoteFd = 3;

struct GitCommand {
  // What follows "git": {"fetch", ...}.
  std::vector<std::string> arguments;
  // The repository (GIT_DIR). Absolute.
  std::string directory;
  // The child's output and its kGitRemoteFd; closed here once it has begun.
  // Without an output it is dropped.
  UniqueFd output = {};
  UniqueFd remote = {};
  // Without one it is empty.
  UniqueFd input = {};
  // Where it is set, the child is the caller's own git: this is its whole
  // environment (in place of `directory` too), its configuration is what that
  // leads to, and what it leaves running at its end stays (git's cache of
  // credentials).
  std::optional<std::vector<std::string>> environment = {};
};

// An ssh that carries git's protocol.
struct SshCommand {
  // What follows "ssh", and all of its environment but PATH and the language.
  std::vector<std::string> arguments;
  std::vector<std::string> environment;
  // Closed here once it has begun.
  UniqueFd input = {};
  UniqueFd output = {};
};

// One running git, or ssh. A git has no configuration but ours, no hooks, no
// terminal and no questions; it may use no transport but its descriptor; and
// bounds of memory, since what it unpacks comes from strangers. (A caller's own
// has no terminal.)
//
// It leads a session, and only its GitProgram may wait for it. It is killed
// when the thread that started it ends, be it with the whole process.
//
// Thread-safe: one thread waits while others may kill.
class GitProgram {
 public:
  static absl::StatusOr<std::unique_ptr<GitProgram>> Start(GitCommand command);
  static absl::StatusOr<std::unique_ptr<GitProgram>> Start(SshCommand command);
  // Kills it, if it runs, and collects it.
  ~GitProgram();

  // Ends it and the programs that it started.
  void Kill();

  // Waits for its end, kills it at `deadline`. OK where it ended with 0;
  // FAILED_PRECONDITION where it is not installed; else ABORTED with the end
  // of what it says itself (a host's words, which it passes on, are left out).
  // DEADLINE_EXCEEDED where it was killed here.
  absl::Status Wait(absl::Time deadline);

  // What it and a host have said so far, raw, at most 64 KiB.
  std::string Words() const;

 private:
  struct Program;

  GitProgram(const Program& program, pid_t pid, UniqueFd pidfd,
             UniqueFd errors);

  static absl::StatusOr<std::unique_ptr<GitProgram>> Start(Program program);
  static absl::StatusOr<pid_t> Spawn(Program& program, const UniqueFd& errors);

  // Collects it; its wait status. With `all`, ends it and what it started.
  int Collect(bool all);

  const std::string name_;
  const bool callers_;
  const pid_t pid_;
  const UniqueFd pidfd_;
  const UniqueFd errors_;
  Mutex mutex_;
  bool collected_ ABSL_GUARDED_BY(mutex_) = false;
};

// Gives what `program` writes to the other end of `output` to `sink`, to its
// end, then waits for the program's. Errors: those of Wait; CANCELLED soon
// after the stop; what `sink` returns, and then the program still runs.
absl::Status ReadGit(GitProgram& program, const UniqueFd& output,
                     absl::Time deadline,
                     const std::function<absl::Status(absl::string_view)>& sink,
                     const std::stop_token& stop);

// Runs one to its end.
absl::Status RunGit(GitCommand command, absl::Time deadline);

}  // namespace hubd

#endif  // HUBD_SERVER_NET_GIT_PROGRAM_H_
