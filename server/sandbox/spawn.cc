#include "server/sandbox/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "server/base/status.h"
#include "server/sandbox/launcher_image.h"
#include "server/sandbox/memfd.h"
#include "server/sandbox/orders.h"

namespace hubd {
namespace {

// Above every number that the child gives its descriptors, so that none is
// overwritten before it is copied.
constexpr int kLowestFd = 16;

absl::StatusOr<UniqueFd> MoveUp(UniqueFd fd) {
  UniqueFd moved(::fcntl(fd.get(), F_DUPFD_CLOEXEC, kLowestFd));
  if (!moved.valid()) return ErrnoError(errno, "cannot copy a descriptor");
  return moved;
}

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

absl::StatusOr<Pipe> MakePipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) return ErrnoError(errno, "cannot pipe");
  Pipe pipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
  ::fcntl(pipe.read.get(), F_SETFL, O_NONBLOCK);
  HUBD_ASSIGN_OR_RETURN(pipe.write, MoveUp(std::move(pipe.write)));
  return pipe;
}

absl::StatusOr<UniqueFd> HighMemfd(absl::string_view bytes) {
  HUBD_ASSIGN_OR_RETURN(UniqueFd fd, SealedMemfd(bytes));
  return MoveUp(std::move(fd));
}

absl::StatusOr<UniqueFd> HighProgram() {
  HUBD_ASSIGN_OR_RETURN(UniqueFd fd, SealedProgram(LauncherImage()));
  return MoveUp(std::move(fd));
}

// A child with default signals, a process group of its own, no environment, and
// the descriptors that `actions` give it.
absl::StatusOr<pid_t> Spawn(posix_spawn_file_actions_t& actions) {
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  const absl::Cleanup destroy = [&] { ::posix_spawnattr_destroy(&attributes); };
  sigset_t none, all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &all);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK |
                                              POSIX_SPAWN_SETSIGDEF |
                                              POSIX_SPAWN_SETPGROUP);
  const std::string program = absl::StrCat("/proc/self/fd/", kProgramFd);
  std::string name = "hubd-launcher";
  char* const argv[] = {name.data(), nullptr};
  char* const environment[] = {nullptr};
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, program.c_str(), &actions, &attributes,
                                  argv, environment);
  if (error != 0) return ErrnoError(error, "cannot start the launcher");
  return pid;
}

}  // namespace

UniqueFd OpenPidfd(pid_t pid) {
  return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

absl::StatusOr<Spawned> SpawnLauncher(const SandboxPolicy& policy,
                                      absl::string_view request) {
  HUBD_ASSIGN_OR_RETURN(Pipe output, MakePipe());
  HUBD_ASSIGN_OR_RETURN(Pipe result, MakePipe());
  HUBD_ASSIGN_OR_RETURN(Pipe status, MakePipe());
  HUBD_ASSIGN_OR_RETURN(UniqueFd request_fd, HighMemfd(request));
  HUBD_ASSIGN_OR_RETURN(
      UniqueFd orders,
      HighMemfd(EncodeOrders({.policy = policy, .parent = ::getpid()})));
  HUBD_ASSIGN_OR_RETURN(UniqueFd program, HighProgram());
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  const absl::Cleanup destroy = [&] {
    ::posix_spawn_file_actions_destroy(&actions);
  };
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  const std::pair<int, int> copies[] = {
      {output.write.get(), 1},    {output.write.get(), 2},
      {request_fd.get(), 3},      {result.write.get(), 4},
      {orders.get(), kOrdersFd},  {status.write.get(), kStatusFd},
      {program.get(), kProgramFd}};
  for (const auto& [from, to] : copies) {
    ::posix_spawn_file_actions_adddup2(&actions, from, to);
  }
  ::posix_spawn_file_actions_addclosefrom_np(&actions, kProgramFd + 1);
  Spawned spawned;
  HUBD_ASSIGN_OR_RETURN(spawned.pid, Spawn(actions));
  spawned.pidfd = OpenPidfd(spawned.pid);
  if (!spawned.pidfd.valid()) {
    const int error = errno;
    ::kill(spawned.pid, SIGKILL);
    ::waitpid(spawned.pid, nullptr, 0);
    return ErrnoError(error, "cannot watch the launcher");
  }
  spawned.output = std::move(output.read);
  spawned.result = std::move(result.read);
  spawned.status = std::move(status.read);
  return spawned;
}

}  // namespace hubd
