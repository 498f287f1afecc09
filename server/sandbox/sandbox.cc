#include "server/sandbox/sandbox.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "server/base/fs.h"
#include "server/base/unique_fd.h"
#include "server/sandbox/box_memory.h"
#include "server/sandbox/spawn.h"

namespace hubd {
namespace {

using SteadyClock = std::chrono::steady_clock;
using End = SandboxResult::End;
using Limit = SandboxResult::Limit;

constexpr auto kWatchdogPeriod = std::chrono::milliseconds(50);
// How long bubblewrap may take to say which process is the sandbox's first one
// before it is killed without that knowledge.
constexpr auto kSetupGrace = std::chrono::seconds(5);
constexpr size_t kMaxStatusBytes = 64 << 10;
// A shell's and bubblewrap's way to say "ended by signal N".
constexpr int kSignalBase = 128;

// The number after `"key":` in bubblewrap's JSON.
std::optional<int> NumberAfter(absl::string_view json, absl::string_view key) {
  const size_t at = json.find(absl::StrCat("\"", key, "\":"));
  if (at == absl::string_view::npos) return std::nullopt;
  absl::string_view rest = json.substr(at + key.size() + 3);
  rest = absl::StripLeadingAsciiWhitespace(rest);
  rest = rest.substr(0, rest.find_first_not_of("0123456789"));
  int number = 0;
  if (!absl::SimpleAtoi(rest, &number)) return std::nullopt;
  return number;
}

pid_t ParentOf(pid_t pid) {
  const auto status = ReadFile(absl::StrCat("/proc/", pid, "/status"));
  if (!status.ok()) return 0;
  for (absl::string_view line : absl::StrSplit(*status, '\n')) {
    pid_t parent = 0;
    if (absl::ConsumePrefix(&line, "PPid:") && absl::SimpleAtoi(line, &parent))
      return parent;
  }
  return 0;
}

absl::Duration ProcessorTime(const struct rusage& usage) {
  return absl::DurationFromTimeval(usage.ru_utime) +
         absl::DurationFromTimeval(usage.ru_stime);
}

void KillByPidfd(const UniqueFd& pidfd) {
  if (!pidfd.valid()) return;
  ::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0);
}

// Waits for a stop request with poll().
class StopEvent {
 public:
  explicit StopEvent(std::stop_token stop)
      : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        callback_(std::move(stop), [fd = fd_.get()] {
          const uint64_t one = 1;
          [[maybe_unused]] const ssize_t size = ::write(fd, &one, sizeof one);
        }) {}

  int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
  std::stop_callback<std::function<void()>> callback_;
};

// The supervisor of one sandbox. Confined to the thread that calls Wait().
//
// The sandbox is two processes to us: bubblewrap, our child, and its child, the
// first process of the pid namespace. When that one is gone the kernel has
// killed all the others.
class Supervisor {
 public:
  Supervisor(const SandboxPolicy::Limits& limits, Spawned spawned,
             std::stop_token stop)
      : limits_(limits),
        spawned_(std::move(spawned)),
        stop_(std::move(stop)),
        started_(SteadyClock::now()) {}

  SandboxResult Wait();

 private:
  void Poll();
  void ReadOutput();
  void ReadResult();
  void ReadStatus();
  void CheckClock();
  void FindFirstProcess(pid_t pid);
  void EndWith(End end, Limit limit = Limit::kNone);
  void KillWhenPossible();
  void ReapBwrap();
  void ReapFirstProcess();
  void Judge();

  bool FirstLives() const { return first_.valid() && !first_dead_; }

  const SandboxPolicy::Limits limits_;
  Spawned spawned_;
  StopEvent stop_;
  const SteadyClock::time_point started_;
  SteadyClock::time_point next_look_ = started_;

  // The first process of the sandbox.
  UniqueFd first_;
  pid_t first_pid_ = 0;
  bool first_known_ = false;
  bool first_dead_ = false;
  bool bwrap_gone_ = false;
  int wait_status_ = 0;
  // Of all processes that were waited for, up to bubblewrap.
  absl::Duration processor_time_;
  std::string status_text_;
  int64_t output_seen_ = 0;

  // Why hubd ends it; the first reason stays.
  bool ending_ = false;
  bool killed_ = false;
  SteadyClock::time_point ending_since_;
  SandboxResult result_;
};

// Everything that can be read from `fd` at once, piece by piece; closes it at
// its end.
template <class Take>
void Drain(UniqueFd& fd, Take take) {
  char buffer[16384];
  while (fd.valid()) {
    const ssize_t size = ::read(fd.get(), buffer, sizeof buffer);
    if (size > 0) {
      if (!take(absl::string_view(buffer, size))) return;
    } else if (size == 0) {
      fd.reset();
    } else if (errno != EINTR) {
      return;
    }
  }
}

SandboxResult Supervisor::Wait() {
  while (!bwrap_gone_ || FirstLives()) {
    Poll();
    ReadStatus();
    ReadOutput();
    ReadResult();
    CheckClock();
    KillWhenPossible();
  }
  ReapFirstProcess();
  // No writer is left; what is in the pipes is all there is.
  ReadStatus();
  ReadOutput();
  ReadResult();
  Judge();
  return std::move(result_);
}

void Supervisor::Poll() {
  std::vector<pollfd> fds;
  const auto watch = [&fds](int fd) { fds.push_back({fd, POLLIN, 0}); };
  for (const UniqueFd* fd :
       {&spawned_.output, &spawned_.result, &spawned_.status}) {
    if (fd->valid()) watch(fd->get());
  }
  if (FirstLives()) watch(first_.get());
  if (!bwrap_gone_) watch(spawned_.pidfd.get());
  if (!ending_) watch(stop_.fd());
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(
      next_look_ - SteadyClock::now());
  ::poll(fds.data(), fds.size(),
         static_cast<int>(std::max<int64_t>(wait.count(), 0)));
  for (const pollfd& fd : fds) {
    if (fd.revents == 0) continue;
    if (fd.fd == stop_.fd()) EndWith(End::kStopped);
    if (fd.fd == spawned_.pidfd.get()) ReapBwrap();
    if (fd.fd == first_.get()) first_dead_ = true;
  }
}

void Supervisor::ReadOutput() {
  Drain(spawned_.output, [this](absl::string_view piece) {
    output_seen_ += static_cast<int64_t>(piece.size());
    const int64_t room =
        limits_.output_bytes - static_cast<int64_t>(result_.output.size());
    if (room > 0) result_.output.append(std::string(piece.substr(0, room)));
    if (output_seen_ <= limits_.max_output_bytes) return true;
    EndWith(End::kLimit, Limit::kOutput);
    return false;
  });
}

void Supervisor::ReadResult() {
  Drain(spawned_.result, [this](absl::string_view piece) {
    if (static_cast<int64_t>(result_.result.size() + piece.size()) >
        limits_.result_bytes) {
      EndWith(End::kLimit, Limit::kResult);
      return false;
    }
    result_.result.append(std::string(piece));
    return true;
  });
}

void Supervisor::ReadStatus() {
  Drain(spawned_.status, [this](absl::string_view piece) {
    status_text_.append(std::string(piece));
    return status_text_.size() < kMaxStatusBytes;
  });
  if (first_known_) return;
  if (const auto pid = NumberAfter(status_text_, "child-pid")) {
    first_known_ = true;
    FindFirstProcess(*pid);
  }
}

// Between bubblewrap's word and our pidfd the process can have ended and its
// number have gone to another, which is nobody's child here.
void Supervisor::FindFirstProcess(pid_t pid) {
  UniqueFd pidfd = OpenPidfd(pid);
  const pid_t parent = ParentOf(pid);
  if (!pidfd.valid() || (parent != spawned_.pid && parent != ::getpid())) {
    return;
  }
  first_ = std::move(pidfd);
  first_pid_ = pid;
}

void Supervisor::CheckClock() {
  const auto now = SteadyClock::now();
  if (now < next_look_) return;
  next_look_ = now + kWatchdogPeriod;
  if (now - started_ >= absl::ToChronoNanoseconds(limits_.time)) {
    EndWith(End::kLimit, Limit::kTime);
  }
  if (FirstLives() && (TreeHoldsMoreThan(first_pid_, limits_.memory_bytes) ||
                       SocketsBeside(first_pid_) > limits_.sockets)) {
    EndWith(End::kLimit, Limit::kMemory);
  }
}

void Supervisor::EndWith(End end, Limit limit) {
  if (ending_) return;
  ending_ = true;
  ending_since_ = SteadyClock::now();
  result_.end = end;
  result_.limit = limit;
}

// bubblewrap's child waits for a word from it before it ties itself to it, and
// would wait for ever if bubblewrap were killed earlier. So the child must be
// known first, to be killed too.
void Supervisor::KillWhenPossible() {
  if (bwrap_gone_) KillByPidfd(first_);
  if (!ending_ || killed_) return;
  const bool late = SteadyClock::now() - ending_since_ > kSetupGrace;
  if (!first_known_ && spawned_.status.valid() && !late) return;
  killed_ = true;
  KillByPidfd(first_);
  KillByPidfd(spawned_.pidfd);
}

void Supervisor::ReapBwrap() {
  struct rusage usage = {};
  if (::wait4(spawned_.pid, &wait_status_, WNOHANG, &usage) == 0) return;
  processor_time_ += ProcessorTime(usage);
  bwrap_gone_ = true;
  ReadStatus();
}

// Whoever is its parent now waits for it: bubblewrap, or this process.
void Supervisor::ReapFirstProcess() {
  if (!first_.valid()) return;
  siginfo_t info;
  struct rusage usage = {};
  // The C library's waitid does not give the usage.
  ::syscall(SYS_waitid, P_PIDFD, first_.get(), &info, WEXITED | WNOHANG,
            &usage);
  processor_time_ += ProcessorTime(usage);
}

// bubblewrap reports an exit code only when it has started the program.
void Supervisor::Judge() {
  if (ending_) return;
  const auto code = NumberAfter(status_text_, "exit-code");
  if (WIFSIGNALED(wait_status_)) {
    result_.end = End::kSignaled;
    result_.signal = WTERMSIG(wait_status_);
  } else if (!code.has_value()) {
    result_.end = End::kSetupFailed;
  } else if (*code > kSignalBase && *code < kSignalBase + NSIG) {
    result_.end = End::kSignaled;
    result_.signal = *code - kSignalBase;
  } else {
    result_.end = End::kExited;
    result_.exit_status = *code;
  }
  // The processor-time limit is the wall clock's twin. The signal proves
  // nothing: an exit status of 152 looks like it, and anybody can send it.
  if (result_.end == End::kSignaled && result_.signal == SIGXCPU &&
      processor_time_ >= limits_.time) {
    result_.end = End::kLimit;
    result_.limit = Limit::kTime;
  }
}

}  // namespace

SandboxResult RunSandboxed(const SandboxPolicy& policy,
                           absl::string_view request, std::stop_token stop) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  absl::StatusOr<Spawned> spawned = SpawnLauncher(policy, request);
  if (!spawned.ok()) {
    SandboxResult failed;
    failed.output = std::string(spawned.status().message());
    return failed;
  }
  Supervisor supervisor(policy.limits, *std::move(spawned), std::move(stop));
  return supervisor.Wait();
}

}  // namespace hubd
