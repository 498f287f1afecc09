#include "tests/testing/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "server/base/status.h"

extern char** environ;

namespace hubd {
namespace {

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

absl::StatusOr<Pipe> MakePipe() {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return ErrnoError(errno, "pipe");
  return Pipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

}  // namespace

absl::StatusOr<std::unique_ptr<ChildProcess>> ChildProcess::Spawn(
    const std::vector<std::string>& argv) {
  HUBD_ASSIGN_OR_RETURN(Pipe in, MakePipe());
  HUBD_ASSIGN_OR_RETURN(Pipe out, MakePipe());
  std::vector<char*> words;
  for (const std::string& word : argv) {
    words.push_back(const_cast<char*>(word.c_str()));
  }
  words.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in.read.get(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out.write.get(), STDOUT_FILENO);
  pid_t pid = 0;
  const int error =
      posix_spawnp(&pid, words[0], &actions, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return ErrnoError(error, argv[0]);
  return std::make_unique<ChildProcess>(pid, std::move(in.write),
                                        std::move(out.read));
}

ChildProcess::~ChildProcess() {
  if (pid_ == 0) return;
  Kill(SIGKILL);
  Wait();
}

absl::StatusOr<std::string> ChildProcess::ReadLine() {
  for (;;) {
    if (size_t end = unread_.find('\n'); end != std::string::npos) {
      std::string line = unread_.substr(0, end);
      unread_.erase(0, end + 1);
      return line;
    }
    char buffer[4096];
    const ssize_t got = read(out_.get(), buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoError(errno, "read");
    if (got == 0 && unread_.empty()) {
      return absl::OutOfRangeError("end of output");
    }
    if (got == 0) return std::exchange(unread_, "");
    unread_.append(buffer, got);
  }
}

int ChildProcess::Wait() {
  in_.reset();
  while (ReadLine().ok()) {
  }
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = 0;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void ChildProcess::Kill(int signal) { kill(pid_, signal); }

absl::StatusOr<int> RunProgram(const std::vector<std::string>& argv) {
  HUBD_ASSIGN_OR_RETURN(auto child, ChildProcess::Spawn(argv));
  return child->Wait();
}

}  // namespace hubd
