#include "server/net/git_program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "server/base/status.h"
#include "server/base/text.h"

namespace hubd {
namespace {

// Above every number that the child gives its descriptors, so that none is
// overwritten before it is copied.
constexpr int kLowestFd = 16;
constexpr size_t kErrorBytes = 512;
constexpr absl::string_view kPassedOn = "remote: ";
constexpr off_t kMaxErrors = 64 << 10;
// Of util-linux: an object that is put together from deltas takes memory.
constexpr char kLimiter[] = "prlimit";
constexpr char kMemoryLimit[] = "--data=2147483648";
constexpr char kNoCore[] = "--core=0";
// Of util-linux, too: a daemon that is killed takes its programs along. The end
// of a git's descriptor is not enough: its helper for "fd::3" meets ECONNRESET
// where the daemon had not read all, and then git and helper wait for each
// other.
constexpr const char* kTied[] = {"setpriv", "--pdeathsig=KILL"};
constexpr char kSshName[] = "ssh";
constexpr int kNoSuchProgram = 127;
constexpr size_t kPiece = 64 << 10;
constexpr absl::Duration kLook = absl::Milliseconds(200);

// Hooks are what a template or a repository could bring; packs stay packs, so
// that a fetch writes no more than it received.
constexpr const char* kSettings[] = {"core.hooksPath=/dev/null",
                                     "core.fsync=none",
                                     "fetch.unpackLimit=1",
                                     "fetch.recurseSubmodules=false",
                                     "gc.auto=0",
                                     "init.defaultBranch=main",
                                     "maintenance.auto=false",
                                     "pack.threads=1",
                                     "protocol.allow=never",
                                     "protocol.fd.allow=always",
                                     "transfer.fsckObjects=false"};

std::vector<std::string> Arguments(const GitCommand& command) {
  std::vector<std::string> arguments = {kLimiter, kNoCore};
  if (!command.environment) arguments.push_back(kMemoryLimit);
  arguments.insert(arguments.end(), std::begin(kTied), std::end(kTied));
  arguments.push_back("git");
  if (!command.environment) {
    for (const char* setting : kSettings) {
      arguments.insert(arguments.end(), {"-c", setting});
    }
  }
  arguments.insert(arguments.end(), command.arguments.begin(),
                   command.arguments.end());
  return arguments;
}

std::vector<std::string> Arguments(const SshCommand& command) {
  std::vector<std::string> arguments = {kLimiter, kNoCore, kMemoryLimit};
  arguments.insert(arguments.end(), std::begin(kTied), std::end(kTied));
  arguments.push_back("ssh");
  arguments.insert(arguments.end(), command.arguments.begin(),
                   command.arguments.end());
  return arguments;
}

std::string Path() {
  const char* path = std::getenv("PATH");
  return absl::StrCat("PATH=", path == nullptr ? "/usr/bin:/bin" : path);
}

std::vector<std::string> Environment(const GitCommand& command) {
  if (command.environment) return *command.environment;
  const std::string& directory = command.directory;
  return {Path(),
          absl::StrCat("GIT_DIR=", directory),
          absl::StrCat("HOME=", directory),
          "GIT_CONFIG_NOSYSTEM=1",
          "GIT_CONFIG_GLOBAL=/dev/null",
          "GIT_ATTR_NOSYSTEM=1",
          "GIT_NO_LAZY_FETCH=1",
          "GIT_TERMINAL_PROMPT=0",
          "LC_ALL=C"};
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& string : strings) pointers.push_back(string.data());
  pointers.push_back(nullptr);
  return pointers;
}

absl::StatusOr<UniqueFd> MoveUp(const UniqueFd& fd) {
  UniqueFd moved(::fcntl(fd.get(), F_DUPFD_CLOEXEC, kLowestFd));
  if (!moved.valid()) return ErrnoError(errno, "cannot copy a descriptor");
  return moved;
}

void SetSignalsAndSession(posix_spawnattr_t& attributes) {
  sigset_t none, all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &all);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK |
                                              POSIX_SPAWN_SETSIGDEF |
                                              POSIX_SPAWN_SETSID);
}

std::string ReadErrors(int fd) {
  // The position is shared with the child, which wrote up to there.
  const off_t size = ::lseek(fd, 0, SEEK_CUR);
  std::string text(std::max<off_t>(size, 0), '\0');
  const ssize_t length = ::pread(fd, text.data(), text.size(), 0);
  text.resize(std::max<ssize_t>(length, 0));
  return text;
}

// The end of what it said itself, on one line: what it passes on is a host's,
// which could say anything.
std::string Said(const std::string& text) {
  std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  std::erase_if(lines, [](absl::string_view line) {
    // Or the beginning of it, where there was no more room.
    return absl::StartsWith(line, kPassedOn) ||
           absl::StartsWith(kPassedOn, line);
  });
  const std::string own = absl::StrJoin(lines, " ");
  return CleanLine(own.substr(own.size() - std::min(own.size(), kErrorBytes)));
}

}  // namespace

struct GitProgram::Program {
  // In messages.
  std::string name;
  // The caller's own.
  bool callers = false;
  std::vector<std::string> arguments;
  std::vector<std::string> environment;
  UniqueFd input;
  UniqueFd output;
  UniqueFd remote;
};

GitProgram::GitProgram(const Program& program, pid_t pid, UniqueFd pidfd,
                       UniqueFd errors)
    : name_(program.name),
      callers_(program.callers),
      pid_(pid),
      pidfd_(std::move(pidfd)),
      errors_(std::move(errors)) {}

// A child in a session of its own, hence without a terminal, with default
// signals.
absl::StatusOr<pid_t> GitProgram::Spawn(Program& program,
                                        const UniqueFd& errors) {
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  const absl::Cleanup destroy = [&] {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  };
  UniqueFd input, output, remote;
  if (program.input.valid()) {
    HUBD_ASSIGN_OR_RETURN(input, MoveUp(program.input));
    ::posix_spawn_file_actions_adddup2(&actions, input.get(), 0);
  } else {
    ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  }
  if (program.output.valid()) {
    HUBD_ASSIGN_OR_RETURN(output, MoveUp(program.output));
    ::posix_spawn_file_actions_adddup2(&actions, output.get(), 1);
  } else {
    ::posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  }
  ::posix_spawn_file_actions_adddup2(&actions, errors.get(), 2);
  int kept = 2;
  if (program.remote.valid()) {
    HUBD_ASSIGN_OR_RETURN(remote, MoveUp(program.remote));
    ::posix_spawn_file_actions_adddup2(&actions, remote.get(), kGitRemoteFd);
    kept = kGitRemoteFd;
  }
  ::posix_spawn_file_actions_addclosefrom_np(&actions, kept + 1);

  SetSignalsAndSession(attributes);
  pid_t pid = 0;
  const int error = ::posix_spawnp(&pid, kLimiter, &actions, &attributes,
                                   Pointers(program.arguments).data(),
                                   Pointers(program.environment).data());
  if (error == 0) return pid;
  return ErrnoError(error, absl::StrCat("cannot start ", program.name));
}

absl::StatusOr<std::unique_ptr<GitProgram>> GitProgram::Start(
    GitCommand command) {
  Program program;
  program.name = absl::StrCat("git ", command.arguments.front());
  program.callers = command.environment.has_value();
  program.arguments = Arguments(command);
  program.environment = Environment(command);
  program.input = std::move(command.input);
  program.output = std::move(command.output);
  program.remote = std::move(command.remote);
  return Start(std::move(program));
}

absl::StatusOr<std::unique_ptr<GitProgram>> GitProgram::Start(
    SshCommand command) {
  Program program;
  program.name = kSshName;
  program.arguments = Arguments(command);
  program.environment = {Path(), "LC_ALL=C"};
  program.environment.insert(program.environment.end(),
                             command.environment.begin(),
                             command.environment.end());
  program.input = std::move(command.input);
  program.output = std::move(command.output);
  return Start(std::move(program));
}

absl::StatusOr<std::unique_ptr<GitProgram>> GitProgram::Start(Program program) {
  // A host can make it write as much as it likes.
  UniqueFd errors(
      ::memfd_create("git-errors", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!errors.valid() || ::ftruncate(errors.get(), kMaxErrors) != 0 ||
      ::fcntl(errors.get(), F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) != 0) {
    return ErrnoError(errno, absl::StrCat("cannot start ", program.name));
  }
  HUBD_ASSIGN_OR_RETURN(errors, MoveUp(errors));
  HUBD_ASSIGN_OR_RETURN(const pid_t pid, Spawn(program, errors));
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  const int error = errno;
  auto started = std::unique_ptr<GitProgram>(
      new GitProgram(program, pid, std::move(pidfd), std::move(errors)));
  if (!started->pidfd_.valid()) {
    return ErrnoError(error, absl::StrCat("cannot watch ", program.name));
  }
  return started;
}

GitProgram::~GitProgram() { Collect(/*all=*/true); }

int GitProgram::Collect(bool all) {
  MutexLock lock(mutex_);
  if (collected_) return 0;
  collected_ = true;
  if (all) ::kill(-pid_, SIGKILL);
  int status = 0;
  // An end that somebody else was told counts as none.
  if (::waitpid(pid_, &status, 0) != pid_) status = SIGKILL;
  // What it leaves behind comes to a process that is a subreaper.
  while (all && ::waitpid(-pid_, nullptr, 0) > 0) {
  }
  return status;
}

void GitProgram::Kill() {
  MutexLock lock(mutex_);
  // Until it is collected nobody else can have its number.
  if (!collected_) ::kill(-pid_, SIGKILL);
}

absl::Status GitProgram::Wait(absl::Time deadline) {
  bool late = false;
  pollfd ended = {pidfd_.get(), POLLIN, 0};
  for (;;) {
    const int64_t left = absl::ToInt64Milliseconds(deadline - absl::Now());
    const int wait = late ? -1 : std::clamp<int64_t>(left, 0, INT_MAX);
    const int ready = ::poll(&ended, 1, wait);
    if (ready > 0) break;
    if (ready == 0) {
      late = true;
      Kill();
    }
  }
  const int status = Collect(/*all=*/late || !callers_);
  if (late) {
    return absl::DeadlineExceededError(
        absl::StrCat(name_, " took too long and was ended"));
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return absl::OkStatus();
  const std::string said = Said(Words());
  // That may be the status of a program at the other end of an ssh, too.
  if (WIFEXITED(status) && WEXITSTATUS(status) == kNoSuchProgram &&
      absl::StrContains(said, ": failed to execute ")) {
    const bool is_ssh = name_ == kSshName;
    return absl::FailedPreconditionError(absl::StrCat(
        is_ssh ? "ssh" : "git", " is not installed; install it (apt install ",
        is_ssh ? "openssh-client" : "git", ")"));
  }
  return absl::AbortedError(
      absl::StrCat(name_, " failed: ",
                   !said.empty() ? said
                   : WIFSIGNALED(status)
                       ? absl::StrCat("ended by signal ", WTERMSIG(status))
                       : absl::StrCat("exit status ", WEXITSTATUS(status))));
}

std::string GitProgram::Words() const { return ReadErrors(errors_.get()); }

absl::Status ReadGit(GitProgram& program, const UniqueFd& output,
                     absl::Time deadline,
                     const std::function<absl::Status(absl::string_view)>& sink,
                     const std::stop_token& stop) {
  std::string piece(kPiece, '\0');
  for (pollfd wanted = {output.get(), POLLIN, 0};;) {
    if (stop.stop_requested()) {
      return absl::CancelledError("the fetch was stopped");
    }
    if (absl::Now() > deadline) {
      return absl::DeadlineExceededError("git took too long");
    }
    if (::poll(&wanted, 1, absl::ToInt64Milliseconds(kLook)) <= 0) continue;
    const ssize_t got = ::read(output.get(), piece.data(), piece.size());
    if (got == 0) break;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoError(errno, "cannot read what git writes");
    HUBD_RETURN_IF_ERROR(sink(absl::string_view(piece).substr(0, got)));
  }
  const std::stop_callback kill(stop, [&] { program.Kill(); });
  return program.Wait(deadline);
}

absl::Status RunGit(GitCommand command, absl::Time deadline) {
  HUBD_ASSIGN_OR_RETURN(std::unique_ptr<GitProgram> program,
                        GitProgram::Start(std::move(command)));
  return program->Wait(deadline);
}

}  // namespace hubd
