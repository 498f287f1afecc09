#include "server/daemon/host_starter.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "server/base/fs.h"
#include "server/base/log.h"
#include "server/base/mutex.h"
#include "server/base/status.h"
#include "server/base/unique_fd.h"

namespace hubd {
namespace {

namespace asio = boost::asio;

constexpr absl::Duration kOrphanRound = absl::Milliseconds(50);
constexpr int kOrphanRounds = 20;

// What the child's process begins with. Owns the two spawn objects.
class SpawnSetup {
 public:
  explicit SpawnSetup(const std::string& log_file) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null",
                                       O_RDONLY, 0);
    if (!log_file.empty()) {
      ::posix_spawn_file_actions_addopen(&actions_, STDERR_FILENO,
                                         log_file.c_str(),
                                         O_WRONLY | O_APPEND | O_CREAT, 0600);
    }
    // A copy onto itself: what takes the place of a closed one stays open, too.
    for (int fd : {STDOUT_FILENO, STDERR_FILENO}) {
      ::posix_spawn_file_actions_adddup2(&actions_, fd, fd);
    }
    ::posix_spawnattr_init(&attributes_);
    // The daemon's blocked and ignored signals are not for the child, and a
    // Ctrl-C is for the daemon alone, which ends its child in its own time.
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK |
                                                 POSIX_SPAWN_SETSIGDEF |
                                                 POSIX_SPAWN_SETPGROUP);
    sigset_t signals;
    sigemptyset(&signals);
    ::posix_spawnattr_setsigmask(&attributes_, &signals);
    sigfillset(&signals);
    ::posix_spawnattr_setsigdefault(&attributes_, &signals);
    ::posix_spawnattr_setpgroup(&attributes_, 0);
  }
  ~SpawnSetup() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  SpawnSetup(const SpawnSetup&) = delete;
  SpawnSetup& operator=(const SpawnSetup&) = delete;

  absl::StatusOr<pid_t> Spawn(const std::string& program,
                              std::vector<std::string> arguments) {
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    pid_t pid = 0;
    int error = ::posix_spawn(&pid, program.c_str(), &actions_, &attributes_,
                              argv.data(), environ);
    if (error == 0) return pid;
    return ErrnoError(error, "cannot start a worker host");
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

std::vector<pid_t> ChildrenOfThisProcess() {
  std::vector<pid_t> children;
  const std::string tasks = "/proc/self/task";
  for (const std::string& task :
       ListDirectory(tasks).value_or(std::vector<std::string>())) {
    const std::string text =
        ReadFile(absl::StrCat(tasks, "/", task, "/children")).value_or("");
    for (absl::string_view word : absl::StrSplit(text, ' ')) {
      pid_t pid = 0;
      if (absl::SimpleAtoi(word, &pid)) children.push_back(pid);
    }
  }
  return children;
}

// Whether it is one of net/git_program, which waits for it; prlimit and setpriv
// become git and ssh.
bool IsGitProgram(pid_t pid, const std::string& name) {
  return (name == "git\n" || name == "ssh\n" || name == "prlimit\n" ||
          name == "setpriv\n") &&
         ::getpgid(pid) == pid;
}

// Kills the children by bubblewrap's and the launcher's names and collects all
// that are dead, but for `host` and running gits; whether there was one to
// kill. Others may be there: those of the shell that became the daemon, and in
// a container every orphan.
bool EndAdopted(pid_t host) {
  bool any = false;
  for (pid_t pid : ChildrenOfThisProcess()) {
    if (pid == host) continue;
    const std::string name =
        ReadFile(absl::StrCat("/proc/", pid, "/comm")).value_or("");
    if (IsGitProgram(pid, name)) continue;
    if (name == "bwrap\n" || name == "hubd-launcher\n") {
      any = ::kill(pid, SIGKILL) == 0 || any;
    }
    ::waitpid(pid, nullptr, WNOHANG);
  }
  return any;
}

// "by signal 9", "with exit code 1".
std::string EndOf(int status) {
  if (WIFSIGNALED(status)) {
    return absl::StrCat("by signal ", WTERMSIG(status));
  }
  return absl::StrCat("with exit code ", WEXITSTATUS(status));
}

}  // namespace

class UserHostStarter::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(Options options, IoThread& io) : options_(std::move(options)), io_(io) {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  }
  ~Impl() { Kill(); }

  void SetSocket(const std::string& path) {
    MutexLock lock(mutex_);
    socket_ = path;
  }

  absl::Status StartHost(uid_t uid, EndedFn ended) {
    if (uid != ::geteuid()) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the daemon of uid ", ::geteuid(), " starts no worker host for uid ",
          uid, "; call a daemon of your own"));
    }
    ended_ = std::move(ended);
    if (child_) {
      wanted_ = true;
      return absl::OkStatus();
    }
    return Spawn();
  }

  // The end is seen by the pidfd, as any other.
  void KillHost() {
    if (child_) ::kill(child_->pid, SIGKILL);
  }

 private:
  struct Child {
    Child(pid_t pid, IoThread& io, UniqueFd fd)
        : pid(pid), pidfd(io.context(), fd.release()) {}

    pid_t pid;
    asio::posix::stream_descriptor pidfd;
  };

  // On the io thread, which lives as long as the daemon, since the child's
  // parent-death signal follows the thread; posix_spawn comes back when the
  // child has begun the program, after about a millisecond.
  absl::Status Spawn() {
    std::string socket;
    {
      MutexLock lock(mutex_);
      socket = socket_;
    }
    SpawnSetup setup(options_.log_file);
    HUBD_ASSIGN_OR_RETURN(
        pid_t pid, setup.Spawn(options_.program,
                               {"hubd", "worker-host", "--socket", socket,
                                "--parent", absl::StrCat(::getpid())}));
    UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!pidfd.valid()) {
      absl::Status status = ErrnoError(errno, "cannot watch the worker host");
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
      return status;
    }
    HUBD_LOG(kInfo) << "event=host_started pid=" << pid;
    child_.emplace(pid, io_, std::move(pidfd));
    child_->pidfd.async_wait(
        asio::posix::stream_descriptor::wait_read,
        [weak = weak_from_this()](const boost::system::error_code& error) {
          if (auto impl = weak.lock(); impl && !error) impl->OnEnd();
        });
    return absl::OkStatus();
  }

  void OnEnd() {
    int status = 0;
    ::waitpid(child_->pid, &status, 0);
    HUBD_LOG(kInfo) << "event=host_ended pid=" << child_->pid
                    << " how=" << LogQuote(EndOf(status));
    child_.reset();
    EndOrphans();
    absl::Status how = absl::UnavailableError(absl::StrCat(
        "the worker host ended ", EndOf(status), " before it said hello",
        options_.log_file.empty() ? "" : "; see ", options_.log_file));
    if (std::exchange(wanted_, false)) {
      how = Spawn();
      if (how.ok()) return;
      HUBD_LOG(kError) << "event=host_failed error=" << LogQuote(how.message());
    }
    if (EndedFn ended = std::exchange(ended_, nullptr)) ended(how);
  }

  // bubblewrap ties its child to itself only after a while; killed with its
  // host before that, it leaves one that waits for ever. Each round ends those
  // whose parent ended in the one before.
  void EndOrphans(int rounds = kOrphanRounds) {
    orphans_ = nullptr;
    if (EndAdopted(child_ ? child_->pid : 0)) rounds = kOrphanRounds;
    if (rounds == 0) return;
    orphans_ = io_.RunAfter(kOrphanRound, [weak = weak_from_this(), rounds] {
      if (auto impl = weak.lock()) impl->EndOrphans(rounds - 1);
    });
  }

  void Kill() {
    if (child_) {
      ::kill(child_->pid, SIGKILL);
      ::waitpid(child_->pid, nullptr, 0);
    }
    // Nobody kills them later; who is init then collects them.
    for (int round = 0; round < kOrphanRounds && EndAdopted(0); ++round) {
      absl::SleepFor(kOrphanRound);
    }
  }

  const Options options_;
  IoThread& io_;
  std::optional<Child> child_;
  // Set while orphans may come.
  std::unique_ptr<IoThread::Timer> orphans_;
  // Somebody asked while the child lived.
  bool wanted_ = false;
  // Who asked last.
  EndedFn ended_;

  Mutex mutex_;
  std::string socket_ ABSL_GUARDED_BY(mutex_);
};

UserHostStarter::UserHostStarter(Options options, IoThread& io)
    : impl_(std::make_shared<Impl>(std::move(options), io)) {}

UserHostStarter::~UserHostStarter() = default;

void UserHostStarter::SetSocket(const std::string& path) {
  impl_->SetSocket(path);
}

absl::Status UserHostStarter::StartHost(uid_t uid, EndedFn ended) {
  return impl_->StartHost(uid, std::move(ended));
}

void UserHostStarter::KillHost(uid_t) { impl_->KillHost(); }

absl::Status SystemHostStarter::StartHost(uid_t uid, EndedFn) {
  return absl::FailedPreconditionError(absl::StrCat(
      "a system daemon cannot act as uid ", uid,
      ", and this version's clients start no worker host for it; start a "
      "daemon of your own with `hubd` and name its socket in HUBD_SOCKET"));
}

}  // namespace hubd
