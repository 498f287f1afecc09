#include "server/sandbox/launcher.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "server/base/unique_fd.h"
#include "server/sandbox/bwrap_args.h"
#include "server/sandbox/drop_root.h"
#include "server/sandbox/filter.h"
#include "server/sandbox/memfd.h"
#include "server/sandbox/orders.h"

namespace hubd {
namespace {

// Room for what a process holds beside what it may fill.
constexpr int64_t kDataSlack = int64_t{1} << 30;
constexpr rlim_t kLockedMemory = 8 << 20;

absl::StatusOr<LaunchOrders> ReadOrders() {
  struct stat info;
  if (::fstat(kOrdersFd, &info) != 0) return ErrnoError(errno, "no orders");
  std::string bytes(info.st_size, '\0');
  if (::pread(kOrdersFd, bytes.data(), bytes.size(), 0) != info.st_size) {
    return ErrnoError(errno, "cannot read the orders");
  }
  ::close(kOrdersFd);
  return DecodeOrders(bytes);
}

// Changing the uid clears the signal, so this comes after it. A parent that
// ended before the call is seen by its pid.
absl::Status DieWithParent(pid_t parent) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
    return ErrnoError(errno, "cannot tie this process to its parent");
  }
  if (::getppid() != parent) return absl::CancelledError("parent is gone");
  return absl::OkStatus();
}

absl::Status Limit(__rlimit_resource resource, rlim_t soft, rlim_t hard) {
  struct rlimit current;
  ::getrlimit(resource, &current);
  // An outer limit that is tighter stays.
  const struct rlimit limit = {std::min(soft, current.rlim_max),
                               std::min(hard, current.rlim_max)};
  if (::setrlimit(resource, &limit) != 0) {
    return ErrnoError(errno, "cannot set a limit");
  }
  return absl::OkStatus();
}

absl::Status SetLimits(const SandboxPolicy::Limits& limits) {
  const rlim_t seconds = absl::ToInt64Seconds(limits.time) + 1;
  const rlim_t data = limits.memory_bytes + kDataSlack;
  const rlim_t files = limits.open_files;
  HUBD_RETURN_IF_ERROR(Limit(RLIMIT_CPU, seconds, seconds + 1));
  HUBD_RETURN_IF_ERROR(Limit(RLIMIT_DATA, data, data));
  HUBD_RETURN_IF_ERROR(
      Limit(RLIMIT_FSIZE, limits.file_bytes, limits.file_bytes));
  HUBD_RETURN_IF_ERROR(Limit(RLIMIT_NOFILE, files, files));
  HUBD_RETURN_IF_ERROR(Limit(RLIMIT_MEMLOCK, kLockedMemory, kLockedMemory));
  HUBD_RETURN_IF_ERROR(Limit(RLIMIT_MSGQUEUE, 0, 0));
  return Limit(RLIMIT_CORE, 0, 0);
}

// The kernel takes this process first when memory is short; the user's other
// work goes before it when processors are.
void BeModest() {
  [[maybe_unused]] const int niceness = ::nice(10);
  UniqueFd score(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
  if (score.valid()) (void)WriteAll(score.get(), "500");
}

// A sealed memfd that outlives exec; bubblewrap closes it.
absl::StatusOr<int> Inherit(absl::StatusOr<UniqueFd> fd) {
  HUBD_RETURN_IF_ERROR(fd.status());
  ::fcntl(fd->get(), F_SETFD, 0);
  return fd->release();
}

// Options go through a descriptor: /proc/1/cmdline in the sandbox shows argv.
absl::StatusOr<int> OptionsFd(const SandboxPolicy& policy) {
  BwrapFds fds;
  fds.status = kStatusFd;
  HUBD_ASSIGN_OR_RETURN(fds.seccomp,
                        Inherit(BuildFilter({.inet = policy.inet})));
  for (const SandboxPolicy::DataFile& file : policy.data_files) {
    HUBD_ASSIGN_OR_RETURN(int fd, Inherit(SealedMemfd(file.bytes)));
    fds.data.push_back(fd);
  }
  std::string options;
  for (const std::string& word : BwrapArgs(policy, fds)) {
    // It would end the word and begin an option of somebody else's choice.
    if (absl::StrContains(word, '\0')) {
      return absl::InvalidArgumentError("a word of the policy has a NUL in it");
    }
    options.append(word).push_back('\0');
  }
  return Inherit(SealedMemfd(options));
}

// Returns only when it fails.
absl::Status Exec(const SandboxPolicy& policy, int options_fd) {
  std::vector<std::string> words = {"bwrap", "--args", absl::StrCat(options_fd),
                                    "--"};
  words.insert(words.end(), policy.argv.begin(), policy.argv.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  // /proc/1/environ in the sandbox shows this environment: none.
  char* const environment[] = {nullptr};
  ::execve(policy.bubblewrap.c_str(), argv.data(), environment);
  return ErrnoError(errno, absl::StrCat("cannot start ", policy.bubblewrap));
}

absl::Status Launch() {
  ::close(kProgramFd);
  HUBD_ASSIGN_OR_RETURN(LaunchOrders orders, ReadOrders());
  BeModest();
  if (::getuid() == 0 || ::geteuid() == 0) {
    HUBD_RETURN_IF_ERROR(DropRoot(orders.policy));
  }
  HUBD_RETURN_IF_ERROR(DieWithParent(orders.parent));
  HUBD_ASSIGN_OR_RETURN(int options_fd, OptionsFd(orders.policy));
  HUBD_RETURN_IF_ERROR(SetLimits(orders.policy.limits));
  return Exec(orders.policy, options_fd);
}

}  // namespace

int SandboxLaunchMain() {
  const absl::Status status = Launch();
  std::fprintf(stderr, "hubd: %s\n", std::string(status.message()).c_str());
  return 125;
}

}  // namespace hubd
