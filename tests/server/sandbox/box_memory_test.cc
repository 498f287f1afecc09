#include "server/sandbox/box_memory.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "gtest/gtest.h"

namespace hubd {
namespace {

constexpr int64_t kBlock = 64 << 20;

void Fill() {
  void* block = ::mmap(nullptr, kBlock, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  std::memset(block, 1, kBlock);
}

// A child and a grandchild, both of which hold a block: the same, filled before
// they part, or one each.
class Family {
 public:
  explicit Family(bool same) {
    int ready[2];
    EXPECT_EQ(::pipe(ready), 0);
    child_ = ::fork();
    if (child_ == 0) {
      if (same) Fill();
      if (::fork() == 0) ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (!same) Fill();
      [[maybe_unused]] const ssize_t size = ::write(ready[1], "x", 1);
      while (true) ::pause();
    }
    char byte;
    for (int i = 0; i < 2; ++i) EXPECT_EQ(::read(ready[0], &byte, 1), 1);
    ::close(ready[0]);
    ::close(ready[1]);
  }
  ~Family() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }

  pid_t child() const { return child_; }

 private:
  pid_t child_;
};

TEST(BoxMemoryTest, AddsUpDescendants) {
  const Family family(/*same=*/false);
  EXPECT_TRUE(TreeHoldsMoreThan(family.child(), 2 * kBlock));
  EXPECT_FALSE(TreeHoldsMoreThan(family.child(), 3 * kBlock));
}

TEST(BoxMemoryTest, CountsSharedPagesOnce) {
  const Family family(/*same=*/true);
  EXPECT_TRUE(TreeHoldsMoreThan(family.child(), kBlock));
  EXPECT_FALSE(TreeHoldsMoreThan(family.child(), 2 * kBlock - kBlock / 4));
}

// Where the kernel's page of zeros is mapped, the tables are all there is.
TEST(BoxMemoryTest, CountsPageTables) {
  constexpr int64_t kSpace = int64_t{64} << 30;
  constexpr int64_t kTable = 2 << 20;  // What one page of table maps.
  constexpr int64_t kTables = kSpace / kTable * 4096;
  void* space = ::mmap(nullptr, kSpace, PROT_READ,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(space, MAP_FAILED);
  ::madvise(space, kSpace, MADV_NOHUGEPAGE);
  EXPECT_FALSE(TreeHoldsMoreThan(::getpid(), kTables));
  int sum = 0;
  for (int64_t at = 0; at < kSpace; at += kTable) {
    sum += static_cast<volatile char*>(space)[at];
  }
  EXPECT_EQ(sum, 0);
  EXPECT_TRUE(TreeHoldsMoreThan(::getpid(), kTables));
  ::munmap(space, kSpace);
}

TEST(BoxMemoryTest, CountsSocketsOfTheNamespace) {
  const int before = SocketsBeside(::getpid());
  int fds[64];
  for (int i = 0; i < 64; i += 2) {
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds + i), 0);
  }
  // Others' sockets come and go meanwhile.
  EXPECT_GT(SocketsBeside(::getpid()), before + 32);
  for (int fd : fds) ::close(fd);
}

TEST(BoxMemoryTest, AProcessThatIsGoneHoldsNothing) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ::waitpid(child, nullptr, 0);
  EXPECT_FALSE(TreeHoldsMoreThan(child, 0));
  EXPECT_EQ(SocketsBeside(child), 0);
}

TEST(BoxMemoryTest, ThisKernelListsChildren) { EXPECT_TRUE(CanMeasureTrees()); }

}  // namespace
}  // namespace hubd
