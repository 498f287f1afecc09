// Debian's git, and its ssh, run in a child.

#ifndef HUBD_SERVER_NET_GIT_PROGRAM_H_
#define HUBD_SERVER_NET_GIT_PROGRAM_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
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
// bounds of memory, since what it unpacks comes from strangers. An ssh ends
// with the thread that started it, as well.
//
// It leads a process group, and only its GitProgram may wait for it.
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

  GitProgram(std::string name, pid_t pid, UniqueFd pidfd, UniqueFd errors);

  static absl::StatusOr<std::unique_ptr<GitProgram>> Start(Program program);
  static absl::StatusOr<pid_t> Spawn(Program& program, const UniqueFd& errors);

  // Ends and collects it, and what it started; its wait status.
  int Collect();

  const std::string name_;
  const pid_t pid_;
  const UniqueFd pidfd_;
  const UniqueFd errors_;
  Mutex mutex_;
  bool collected_ ABSL_GUARDED_BY(mutex_) = false;
};

// Runs one to its end.
absl::Status RunGit(GitCommand command, absl::Time deadline);

}  // namespace hubd

#endif  // HUBD_SERVER_NET_GIT_PROGRAM_H_
