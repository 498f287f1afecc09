// A child process of a test.

#ifndef HUBD_TESTS_TESTING_CHILD_PROCESS_H_
#define HUBD_TESTS_TESTING_CHILD_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "server/base/unique_fd.h"

namespace hubd {

// Runs one program. stdin and stdout are pipes, stderr is the test's. The
// destructor kills and reaps. Thread-compatible.
class ChildProcess {
 public:
  // `argv[0]` is the program's path or a name in PATH.
  static absl::StatusOr<std::unique_ptr<ChildProcess>> Spawn(
      const std::vector<std::string>& argv);

  // Takes over a running child and the other ends of its pipes.
  ChildProcess(pid_t pid, UniqueFd in, UniqueFd out)
      : pid_(pid), in_(std::move(in)), out_(std::move(out)) {}
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // The next line of stdout without its end; what is left before the end of
  // stdout; then OUT_OF_RANGE. Blocks.
  absl::StatusOr<std::string> ReadLine();

  // Ends stdin, reads and drops stdout, waits for the end. The exit status, or
  // 128 + the signal that ended it.
  int Wait();

  void Kill(int signal);
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;  // 0: reaped
  UniqueFd in_;
  UniqueFd out_;
  std::string unread_;
};

// Runs a program to its end; its exit status.
absl::StatusOr<int> RunProgram(const std::vector<std::string>& argv);

}  // namespace hubd

#endif  // HUBD_TESTS_TESTING_CHILD_PROCESS_H_
