#include "server/base/standard_fds.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace hubd {
namespace {

bool IsNull(int fd) {
  struct stat info, null;
  return ::fstat(fd, &info) == 0 && ::stat("/dev/null", &null) == 0 &&
         info.st_rdev == null.st_rdev;
}

// 0: each of the closed ones is there, and can be neither read nor written.
int InAChildWithoutThem() {
  for (int fd = 0; fd < 3; ++fd) ::close(fd);
  FillStandardFds();
  char byte = 'x';
  for (int fd = 0; fd < 3; ++fd) {
    if (!IsNull(fd)) return 1;
  }
  if (::read(0, &byte, 1) != -1 || errno != EBADF) return 2;
  if (::write(1, &byte, 1) != -1 || errno != EBADF) return 3;
  if (::write(2, &byte, 1) != -1 || errno != EBADF) return 4;
  return 0;
}

TEST(FillStandardFdsTest, FillsWhatIsClosed) {
  EXPECT_EXIT(::_exit(InAChildWithoutThem()), ::testing::ExitedWithCode(0), "");
}

TEST(FillStandardFdsTest, LeavesWhatIsOpen) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  FillStandardFds();
  EXPECT_FALSE(IsNull(2));
  // No descriptor was taken.
  EXPECT_EQ(::close(ends[1]), 0);
  EXPECT_EQ(::dup(ends[0]), ends[1]);
}

}  // namespace
}  // namespace hubd
