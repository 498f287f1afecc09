#include "tests/client/cli/hubctl_fixture.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/base/fs.h"
#include "server/base/status.h"

namespace hubd {
namespace {

constexpr int kTruncate = O_WRONLY | O_CREAT | O_TRUNC;

}  // namespace

HubctlTest::HubctlTest() {
  environment_.Set("HUBD_SOCKET", socket_);
  environment_.Set("TERM", "xterm");
}

Ended HubctlTest::Hubctl(const std::vector<std::string>& arguments) {
  return Wait(Start(arguments));
}

pid_t HubctlTest::Start(const std::vector<std::string>& arguments, int err) {
  const std::string out_path = directory_.Below("out");
  const std::string err_path = directory_.Below("err");
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 1, out_path.c_str(), kTruncate,
                                   0600);
  posix_spawn_file_actions_addopen(&files, 2, err_path.c_str(), kTruncate,
                                   0600);
  if (err >= 0) posix_spawn_file_actions_adddup2(&files, err, 2);
  std::vector<std::string> words = arguments;
  words.insert(words.begin(),
               std::string(::getenv("TEST_SRCDIR")) + "/hubd/client/hubctl");
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, pointers[0], &files, nullptr,
                                  pointers.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  HUBD_CHECK(error == 0);
  return pid;
}

Ended HubctlTest::Wait(pid_t pid) {
  int status = 0;
  HUBD_CHECK(::waitpid(pid, &status, 0) == pid);
  Ended ended;
  ended.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  ended.out = ReadFile(directory_.Below("out")).value_or("");
  ended.err = ReadFile(directory_.Below("err")).value_or("");
  return ended;
}

}  // namespace hubd
