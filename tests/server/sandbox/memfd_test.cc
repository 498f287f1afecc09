#include "server/sandbox/memfd.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/base/fs.h"

namespace hubd {
namespace {

TEST(SealedMemfdTest, HoldsItsBytesFromTheStart) {
  const auto fd = SealedMemfd("bytes");
  ASSERT_TRUE(fd.ok()) << fd.status();
  char buffer[16];
  ASSERT_EQ(::read(fd->get(), buffer, sizeof buffer), 5);
  EXPECT_EQ(std::string(buffer, 5), "bytes");
  EXPECT_TRUE(::fcntl(fd->get(), F_GETFD) & FD_CLOEXEC);
}

TEST(SealedMemfdTest, CannotBeChangedThroughAnyDescriptor) {
  const auto fd = SealedMemfd("bytes");
  ASSERT_TRUE(fd.ok()) << fd.status();
  UniqueFd again(
      ::open(absl::StrCat("/proc/self/fd/", fd->get()).c_str(), O_RDWR));
  ASSERT_TRUE(again.valid());
  EXPECT_EQ(::pwrite(again.get(), "x", 1, 0), -1);
  EXPECT_EQ(::ftruncate(again.get(), 0), -1);
  EXPECT_EQ(::ftruncate(again.get(), 99), -1);
}

TEST(SealedProgramTest, CanBeExecuted) {
  const absl::StatusOr<std::string> bytes = ReadFile("/bin/true");
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  const auto fd = SealedProgram(*bytes);
  ASSERT_TRUE(fd.ok()) << fd.status();
  const pid_t child = ::fork();
  if (child == 0) {
    char name[] = "true";
    char* const argv[] = {name, nullptr};
    char* const environment[] = {nullptr};
    ::fexecve(fd->get(), argv, environment);
    ::_exit(127);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace hubd
