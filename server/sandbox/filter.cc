#include "server/sandbox/filter.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "server/base/status.h"
#include "server/sandbox/memfd.h"

namespace hubd {
namespace {

// Calls without rules for their arguments (fcntl and others are below). What
// Python, numpy, torch, sqlite, asyncio and multiprocessing use, and their kin.
constexpr char kAllowed[] =
    // Files.
    "access chdir close close_range copy_file_range dup dup2 dup3 faccessat "
    "faccessat2 fadvise64 fallocate fchdir fdatasync fgetxattr "
    "flistxattr fstat fstatfs fsync ftruncate futimesat getcwd "
    "getdents getdents64 getxattr inotify_add_watch inotify_init "
    "inotify_init1 inotify_rm_watch lgetxattr link linkat listxattr "
    "llistxattr lseek lstat newfstatat pipe pipe2 pread64 preadv preadv2 "
    "pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv "
    "rename renameat renameat2 rmdir sendfile splice stat statfs statx "
    "symlink symlinkat sync_file_range tee truncate umask unlink unlinkat "
    "utime utimensat utimes write writev "
    // Waiting.
    "epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 "
    "epoll_wait eventfd eventfd2 poll ppoll pselect6 select signalfd "
    "signalfd4 timerfd_create timerfd_gettime timerfd_settime "
    // Memory; mmap is below.
    "brk get_mempolicy madvise membarrier mincore mlock mlock2 mprotect "
    "mremap msync munlock munmap pkey_alloc pkey_free pkey_mprotect "
    // Processes, threads and signals; clone is below.
    "alarm arch_prctl execve exit exit_group fork futex futex_waitv "
    "get_robust_list kill pause pidfd_open pidfd_send_signal "
    "restart_syscall rseq rt_sigaction rt_sigpending rt_sigprocmask "
    "rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait "
    "rt_tgsigqueueinfo set_robust_list set_tid_address sigaltstack tgkill "
    "tkill vfork wait4 waitid "
    // Who and where one is.
    "capget getcpu getegid geteuid getgid getgroups getpgid getpgrp getpid "
    "getppid getpriority getrandom getresgid getresuid getrlimit getrusage "
    "getsid gettid getuid ioprio_get sched_get_priority_max "
    "sched_get_priority_min sched_getaffinity sched_getattr sched_getparam "
    "sched_getscheduler sched_rr_get_interval sched_setaffinity sched_yield "
    "setpgid setpriority setrlimit setsid sysinfo uname "
    // Time.
    "clock_getres clock_gettime clock_nanosleep getitimer gettimeofday "
    "nanosleep setitimer time timer_create timer_delete timer_getoverrun "
    "timer_gettime timer_settime times "
    // Sockets; socket and socketpair are below.
    "accept accept4 bind connect getpeername getsockname getsockopt listen "
    "recvfrom recvmmsg recvmsg sendmmsg sendmsg sendto setsockopt shutdown ";

// Known and refused: EPERM says "forbidden" where ENOSYS would say "unknown",
// which sends some programs on to another way.
constexpr char kRefused[] =
    "_sysctl acct add_key adjtimex bpf capset chown chroot clock_adjtime "
    "clock_settime delete_module fanotify_init fanotify_mark fchown "
    "fchownat finit_module fremovexattr fsconfig fsetxattr fsmount fsopen "
    "fspick init_module io_uring_enter io_uring_register io_uring_setup "
    "ioperm iopl ioprio_set kcmp kexec_file_load kexec_load keyctl lchown "
    "lookup_dcookie lremovexattr lsetxattr mbind memfd_create memfd_secret "
    "migrate_pages mknod mknodat mlockall modify_ldt mount mount_setattr "
    "move_mount move_pages mq_getsetattr mq_notify mq_open mq_timedreceive "
    "mq_timedsend mq_unlink msgctl msgget msgrcv msgsnd name_to_handle_at "
    "nfsservctl open_by_handle_at open_tree perf_event_open pidfd_getfd "
    "pivot_root process_madvise process_vm_readv process_vm_writev ptrace "
    "quotactl quotactl_fd reboot remap_file_pages removexattr request_key "
    "sched_setattr sched_setparam sched_setscheduler semctl semget semop "
    "semtimedop set_mempolicy setdomainname setfsgid setfsuid setgid "
    "setgroups sethostname setns setregid setresgid setresuid setreuid "
    "settimeofday setuid setxattr shmat shmctl shmdt shmget stime swapoff "
    "swapon sysfs syslog umount umount2 unshare uselib userfaultfd ustat "
    "vhangup vmsplice ";

constexpr uint64_t kLow32 = 0xffffffff;

// Collects rules and the first failure.
class Rules {
 public:
  Rules() : context_(::seccomp_init(SCMP_ACT_ERRNO(ENOSYS))) {
    if (context_ == nullptr) {
      status_ = absl::InternalError("cannot start a seccomp filter");
      return;
    }
    Keep(::seccomp_attr_set(context_.get(), SCMP_FLTATR_ACT_BADARCH,
                            SCMP_ACT_KILL_PROCESS),
         "foreign architectures");
  }

  // A call that this architecture does not have is left out.
  void Add(uint32_t action, const char* call,
           std::initializer_list<scmp_arg_cmp> when = {}) {
    const int number = ::seccomp_syscall_resolve_name(call);
    if (!status_.ok() || number == __NR_SCMP_ERROR) return;
    const std::vector<scmp_arg_cmp> tests(when);
    Keep(::seccomp_rule_add_array(context_.get(), action, number, tests.size(),
                                  tests.data()),
         call);
  }

  absl::StatusOr<UniqueFd> Finish() {
    HUBD_RETURN_IF_ERROR(status_);
    // libseccomp writes to a descriptor; the sealed copy is ours.
    UniqueFd draft(::memfd_create("hubd-filter", MFD_CLOEXEC));
    if (!draft.valid()) return ErrnoError(errno, "cannot make a memfd");
    Keep(::seccomp_export_bpf(context_.get(), draft.get()), "export");
    HUBD_RETURN_IF_ERROR(status_);
    std::string program(::lseek(draft.get(), 0, SEEK_END), '\0');
    const ssize_t size =
        ::pread(draft.get(), program.data(), program.size(), 0);
    if (size != static_cast<ssize_t>(program.size())) {
      return ErrnoError(errno, "cannot read the seccomp filter");
    }
    return SealedMemfd(program);
  }

 private:
  struct Release {
    void operator()(void* context) const { ::seccomp_release(context); }
  };

  void Keep(int result, const char* what) {
    if (result == 0 || !status_.ok()) return;
    status_ = ErrnoError(-result, absl::StrCat("seccomp rule for ", what));
  }

  std::unique_ptr<void, Release> context_;
  absl::Status status_;
};

// A rule for each call of a list of names.
void AddList(Rules& rules, uint32_t action, absl::string_view calls) {
  const std::vector<std::string> names =
      absl::StrSplit(calls, ' ', absl::SkipEmpty());
  for (const std::string& name : names) rules.Add(action, name.c_str());
}

// No new namespaces. clone3 is not listed: its flags lie in memory that a
// filter cannot read.
void AddProcessRules(Rules& rules) {
  constexpr uint64_t kNamespaces = CLONE_NEWNS | CLONE_NEWCGROUP |
                                   CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                                   CLONE_NEWPID | uint64_t{CLONE_NEWNET};
  rules.Add(SCMP_ACT_ALLOW, "clone",
            {SCMP_CMP(0, SCMP_CMP_MASKED_EQ, kNamespaces, 0)});
  rules.Add(SCMP_ACT_ALLOW, "prlimit64", {SCMP_CMP(0, SCMP_CMP_EQ, 0)});
  rules.Add(SCMP_ACT_ERRNO(EPERM), "prlimit64", {SCMP_CMP(0, SCMP_CMP_NE, 0)});
  for (uint64_t persona : {uint64_t{0}, kLow32}) {
    rules.Add(SCMP_ACT_ALLOW, "personality",
              {SCMP_CMP(0, SCMP_CMP_EQ, persona)});
  }
  for (uint64_t option :
       {PR_SET_NAME, PR_GET_NAME, PR_GET_DUMPABLE, PR_SET_DUMPABLE,
        PR_GET_PDEATHSIG, PR_GET_SECCOMP, PR_CAPBSET_READ, PR_GET_TIMERSLACK,
        PR_SET_TIMERSLACK, PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS,
        PR_SET_THP_DISABLE, PR_GET_THP_DISABLE, PR_SET_VMA}) {
    rules.Add(SCMP_ACT_ALLOW, "prctl",
              {SCMP_CMP(0, SCMP_CMP_MASKED_EQ, kLow32, option)});
  }
  // Says yes and does nothing: whoever takes over the sandbox's first process
  // must not unarm the signal that ends it with its parent.
  rules.Add(SCMP_ACT_ERRNO(0), "prctl",
            {SCMP_CMP(0, SCMP_CMP_MASKED_EQ, kLow32, PR_SET_PDEATHSIG)});
}

// TCP and UDP and nothing else of the families AF_INET and AF_INET6: the rest
// is kernel code that is rarely used, some of it loaded when first asked for.
void AddInetRules(Rules& rules, uint64_t family) {
  constexpr uint64_t kType = ~uint64_t{SOCK_NONBLOCK | SOCK_CLOEXEC};
  const struct {
    uint64_t type;
    uint64_t protocol;
  } kKinds[] = {{SOCK_STREAM, 0},
                {SOCK_STREAM, IPPROTO_TCP},
                {SOCK_DGRAM, 0},
                {SOCK_DGRAM, IPPROTO_UDP}};
  for (const auto& kind : kKinds) {
    rules.Add(SCMP_ACT_ALLOW, "socket",
              {SCMP_CMP(0, SCMP_CMP_EQ, family),
               SCMP_CMP(1, SCMP_CMP_MASKED_EQ, kType, kind.type),
               SCMP_CMP(2, SCMP_CMP_EQ, kind.protocol)});
  }
}

// Whole 64-bit values are compared, so that AF_VSOCK | 1 << 32 is no way round.
// AF_VSOCK matters: a network namespace does not confine it.
void AddSocketRules(Rules& rules, bool inet) {
  const uint32_t no_family = SCMP_ACT_ERRNO(EAFNOSUPPORT);
  rules.Add(SCMP_ACT_ALLOW, "socketpair", {SCMP_CMP(0, SCMP_CMP_EQ, AF_UNIX)});
  rules.Add(no_family, "socketpair", {SCMP_CMP(0, SCMP_CMP_NE, AF_UNIX)});
  for (uint64_t family = 0; family <= AF_INET6; ++family) {
    if (inet && (family == AF_INET || family == AF_INET6)) {
      AddInetRules(rules, family);
    } else {
      rules.Add(family == AF_UNIX ? SCMP_ACT_ALLOW : no_family, "socket",
                {SCMP_CMP(0, SCMP_CMP_EQ, family)});
    }
  }
  rules.Add(no_family, "socket", {SCMP_CMP(0, SCMP_CMP_GT, AF_INET6)});
}

// A lock or a lease on a file that the host has too holds up the host's
// programs, hubd's own leases among them, and record locks are memory that
// nothing bounds. So there are none.
void AddDescriptorRules(Rules& rules) {
  for (uint64_t command : {F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL,
                           F_SETFL, F_GETPIPE_SZ, F_GET_SEALS}) {
    rules.Add(SCMP_ACT_ALLOW, "fcntl",
              {SCMP_CMP(1, SCMP_CMP_MASKED_EQ, kLow32, command)});
  }
  const uint32_t no_locks = SCMP_ACT_ERRNO(ENOLCK);
  for (uint64_t command :
       {F_SETLK, F_SETLKW, F_OFD_SETLK, F_OFD_SETLKW, F_SETLEASE}) {
    rules.Add(no_locks, "fcntl",
              {SCMP_CMP(1, SCMP_CMP_MASKED_EQ, kLow32, command)});
  }
  rules.Add(no_locks, "flock");
}

// Terminals are for asking, not for pushing characters into.
void AddIoctlRules(Rules& rules) {
  for (uint64_t request :
       {uint64_t{TCGETS}, uint64_t{TIOCGWINSZ}, uint64_t{FIONREAD},
        uint64_t{FIONBIO}, uint64_t{FIOCLEX}, uint64_t{FIONCLEX}}) {
    rules.Add(SCMP_ACT_ALLOW, "ioctl",
              {SCMP_CMP(1, SCMP_CMP_MASKED_EQ, kLow32, request)});
  }
  rules.Add(SCMP_ACT_ERRNO(EPERM), "ioctl",
            {SCMP_CMP(1, SCMP_CMP_MASKED_EQ, kLow32, TIOCSTI)});
}

// Nothing may become setuid or setgid, should a place be writable after all.
void AddModeRules(Rules& rules) {
  constexpr uint64_t kSpecial = S_ISUID | S_ISGID;
  const struct {
    const char* call;
    unsigned argument;
  } kModes[] = {{"chmod", 1}, {"fchmod", 1}, {"fchmodat", 2},
                {"creat", 1}, {"mkdir", 1},  {"mkdirat", 2}};
  for (const auto& mode : kModes) {
    rules.Add(SCMP_ACT_ALLOW, mode.call,
              {SCMP_CMP(mode.argument, SCMP_CMP_MASKED_EQ, kSpecial, 0)});
    for (uint64_t bit : {S_ISUID, S_ISGID}) {
      rules.Add(SCMP_ACT_ERRNO(EPERM), mode.call,
                {SCMP_CMP(mode.argument, SCMP_CMP_MASKED_EQ, bit, bit)});
    }
  }
  const struct {
    const char* call;
    unsigned flags;
  } kOpens[] = {{"open", 1}, {"openat", 2}};
  for (const auto& open : kOpens) {
    rules.Add(SCMP_ACT_ALLOW, open.call,
              {SCMP_CMP(open.flags, SCMP_CMP_MASKED_EQ, O_CREAT, 0)});
    rules.Add(SCMP_ACT_ALLOW, open.call,
              {SCMP_CMP(open.flags, SCMP_CMP_MASKED_EQ, O_CREAT, O_CREAT),
               SCMP_CMP(open.flags + 1, SCMP_CMP_MASKED_EQ, kSpecial, 0)});
  }
}

// Shared anonymous memory stays in use when its pages are unmapped, out of
// sight of who adds up resident sizes. So there is none.
void AddMemoryRules(Rules& rules) {
  rules.Add(SCMP_ACT_ALLOW, "mmap",
            {SCMP_CMP(3, SCMP_CMP_MASKED_EQ, MAP_SHARED, 0)});
  rules.Add(SCMP_ACT_ALLOW, "mmap",
            {SCMP_CMP(3, SCMP_CMP_MASKED_EQ, MAP_SHARED | MAP_ANONYMOUS,
                      MAP_SHARED)});
}

}  // namespace

absl::StatusOr<UniqueFd> BuildFilter(const FilterOptions& options) {
  Rules rules;
  AddList(rules, SCMP_ACT_ALLOW, kAllowed);
  AddList(rules, SCMP_ACT_ERRNO(EPERM), kRefused);
  AddProcessRules(rules);
  AddSocketRules(rules, options.inet);
  AddDescriptorRules(rules);
  AddIoctlRules(rules);
  AddModeRules(rules);
  AddMemoryRules(rules);
  return rules.Finish();
}

}  // namespace hubd
