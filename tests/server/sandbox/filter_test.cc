// Applies the filter to children of the test, without any other sandbox.

#include "server/sandbox/filter.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <functional>
#include <vector>

#include "gtest/gtest.h"

namespace hubd {
namespace {

constexpr int kSucceeded = 0;

// What `call`, which answers as a system call, gives under the filter: 0 or
// errno; minus the signal where it ended its process.
int Under(bool inet, const std::function<long()>& call) {
  const auto fd = BuildFilter({.inet = inet});
  EXPECT_TRUE(fd.ok()) << fd.status();
  std::vector<sock_filter> code(::lseek(fd->get(), 0, SEEK_END) /
                                sizeof(sock_filter));
  EXPECT_GT(::pread(fd->get(), code.data(), code.size() * sizeof code[0], 0),
            0);
  const pid_t child = ::fork();
  if (child == 0) {
    sock_fprog program = {static_cast<unsigned short>(code.size()),
                          code.data()};
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
      ::_exit(255);
    }
    errno = 0;
    ::_exit(call() >= 0 ? kSucceeded : errno);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST(FilterTest, AllowsWhatProgramsNeed) {
  EXPECT_EQ(Under(false, [] { return ::open("/dev/null", O_RDONLY); }), 0);
  EXPECT_EQ(Under(false, [] { return ::socket(AF_UNIX, SOCK_STREAM, 0); }), 0);
  EXPECT_EQ(Under(false,
                  [] {
                    const pid_t child = ::fork();
                    if (child == 0) ::_exit(0);
                    return ::waitpid(child, nullptr, 0) == child ? 0 : -1;
                  }),
            0);
  EXPECT_EQ(Under(false,
                  [] {
                    return ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC,
                                  MAP_PRIVATE | MAP_ANONYMOUS, -1,
                                  0) == MAP_FAILED
                               ? -1
                               : 0;
                  }),
            0);
}

TEST(FilterTest, IpSocketsOnlyOnRequest) {
  for (int family : {AF_INET, AF_INET6}) {
    const auto call = [family] { return ::socket(family, SOCK_STREAM, 0); };
    EXPECT_EQ(Under(true, call), 0);
    EXPECT_EQ(Under(false, call), EAFNOSUPPORT);
  }
}

TEST(FilterTest, OfIpOnlyTcpAndUdp) {
  const struct {
    int type;
    int protocol;
    int expected;
  } kSockets[] = {{SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, 0},
                  {SOCK_STREAM, IPPROTO_TCP, 0},
                  {SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP, 0},
                  {SOCK_DGRAM, IPPROTO_UDPLITE, ENOSYS},
                  {SOCK_STREAM, IPPROTO_MPTCP, ENOSYS},
                  {SOCK_STREAM, IPPROTO_SCTP, ENOSYS},
                  {SOCK_SEQPACKET, 0, ENOSYS},
                  {SOCK_RAW, IPPROTO_RAW, ENOSYS}};
  for (const auto& test : kSockets) {
    for (int family : {AF_INET, AF_INET6}) {
      EXPECT_EQ(
          Under(true,
                [&] { return ::socket(family, test.type, test.protocol); }),
          test.expected)
          << test.type << " " << test.protocol;
    }
  }
}

TEST(FilterTest, FilesCannotBeLocked) {
  const int fd = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  struct flock record = {};
  record.l_type = F_RDLCK;
  EXPECT_EQ(Under(true, [&] { return ::flock(fd, LOCK_EX | LOCK_NB); }),
            ENOLCK);
  for (int command : {F_SETLK, F_SETLKW, F_OFD_SETLK, F_OFD_SETLKW}) {
    EXPECT_EQ(Under(true, [&] { return ::fcntl(fd, command, &record); }),
              ENOLCK);
  }
  EXPECT_EQ(Under(true, [&] { return ::fcntl(fd, F_SETLEASE, F_RDLCK); }),
            ENOLCK);
  EXPECT_EQ(Under(true, [&] { return ::fcntl(fd, F_SETPIPE_SZ, 4096); }),
            ENOSYS);
  EXPECT_EQ(Under(true, [&] { return ::fcntl(fd, F_DUPFD_CLOEXEC, 0); }), 0);
  ::close(fd);
}

TEST(FilterTest, OtherFamiliesNeverNotEvenInDisguise) {
  for (long family : {long{AF_VSOCK}, long{AF_NETLINK}, long{AF_PACKET},
                      long{AF_ALG}, AF_VSOCK | 1L << 32, AF_UNIX | 1L << 32}) {
    EXPECT_EQ(Under(true,
                    [family] {
                      return ::syscall(SYS_socket, family, SOCK_DGRAM, 0);
                    }),
              EAFNOSUPPORT)
        << family;
  }
}

TEST(FilterTest, RefusesDangerousCalls) {
  const struct {
    const char* name;
    int expected;
    std::function<long()> call;
  } kCalls[] = {
      {"unshare", EPERM, [] { return ::unshare(CLONE_NEWUSER); }},
      {"clone", ENOSYS,
       [] {
         return ::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
       }},
      {"clone3", ENOSYS, [] { return ::syscall(SYS_clone3, 0, 0); }},
      {"ptrace", EPERM, [] { return ::ptrace(PTRACE_TRACEME, 0, 0, 0); }},
      {"memfd", EPERM, [] { return ::memfd_create("x", 0); }},
      {"io_uring", EPERM, [] { return ::syscall(425, 1, 0); }},
      {"keyctl", EPERM, [] { return ::syscall(SYS_keyctl, 0, -3, 0); }},
      {"tiocsti", EPERM, [] { return ::ioctl(0, TIOCSTI, "x"); }},
      {"tiocsti high", EPERM,
       [] { return ::syscall(SYS_ioctl, 0, TIOCSTI | 1L << 32, "x"); }},
      {"prlimit", EPERM, [] { return ::syscall(SYS_prlimit64, 1, 7, 0, 0); }},
      {"setuid bit", EPERM, [] { return ::chmod("/nonexistent", 04755); }},
      {"plain mode", ENOENT, [] { return ::chmod("/nonexistent", 0755); }},
      {"shared memory", ENOSYS,
       [] {
         return ::mmap(nullptr, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1,
                       0) == MAP_FAILED
                    ? -1
                    : 0;
       }},
  };
  for (const auto& test : kCalls) {
    EXPECT_EQ(Under(true, test.call), test.expected) << test.name;
  }
}

TEST(FilterTest, ParentDeathSignalCannotBeUnarmed) {
  EXPECT_EQ(Under(false,
                  [] {
                    int number = 0;
                    ::prctl(PR_SET_PDEATHSIG, SIGUSR1);
                    ::prctl(PR_GET_PDEATHSIG, &number);
                    return number == 0 ? 0 : -1;
                  }),
            0);
}

TEST(FilterTest, CallsOfAnotherArchitectureEndTheProcess) {
  constexpr long kX32 = 0x40000000;
  EXPECT_EQ(Under(false, [] { return ::syscall(kX32 | SYS_getpid); }), -SIGSYS);
}

}  // namespace
}  // namespace hubd
