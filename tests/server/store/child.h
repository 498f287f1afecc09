// A child process whose standard output is read, and that can be killed.

#ifndef HUBD_TESTS_SERVER_STORE_CHILD_H_
#define HUBD_TESTS_SERVER_STORE_CHILD_H_

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <vector>

#include "server/base/status.h"
#include "server/base/unique_fd.h"

namespace hubd {

// Killed when it goes. Thread-compatible.
class Child {
 public:
  explicit Child(std::vector<std::string> argv) {
    int ends[2];
    HUBD_CHECK(::pipe2(ends, O_CLOEXEC) == 0);
    output_.reset(ends[0]);
    UniqueFd write_end(ends[1]);
    std::vector<char*> pointers;
    for (std::string& argument : argv) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, write_end.get(), STDOUT_FILENO);
    HUBD_CHECK(::posix_spawn(&pid_, argv[0].c_str(), &actions, nullptr,
                             pointers.data(), environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
  }
  ~Child() { Kill(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }

  // The next line of its output; nullopt at the end of it, or where none comes
  // in time. -1 ms: waits for ever.
  std::optional<std::string> ReadLine(int timeout_ms = -1) {
    while (true) {
      if (size_t end = buffer_.find('\n'); end != std::string::npos) {
        std::string line = buffer_.substr(0, end);
        buffer_.erase(0, end + 1);
        return line;
      }
      pollfd wait = {output_.get(), POLLIN, 0};
      if (::poll(&wait, 1, timeout_ms) <= 0) return std::nullopt;
      char bytes[4096];
      ssize_t count = ::read(output_.get(), bytes, sizeof(bytes));
      if (count <= 0) return std::nullopt;
      buffer_.append(bytes, count);
    }
  }

  // SIGKILL, and waits for its end.
  void Kill() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  pid_t pid_ = -1;
  UniqueFd output_;
  std::string buffer_;
};

}  // namespace hubd

#endif  // HUBD_TESTS_SERVER_STORE_CHILD_H_
