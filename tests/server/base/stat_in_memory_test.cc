#include "server/base/stat_in_memory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "server/base/fs.h"
#include "tests/server/base/temp_dir.h"

namespace hubd {
namespace {

bool SameTime(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

void ExpectAsStatShows(const std::string& path, int flags) {
  struct stat info;
  ASSERT_EQ(::fstatat(AT_FDCWD, path.c_str(), &info, flags), 0);
  const absl::StatusOr<struct stat> seen = StatInMemory(path, flags);
  ASSERT_TRUE(seen.ok()) << path;
  EXPECT_EQ(seen->st_dev, info.st_dev);
  EXPECT_EQ(seen->st_ino, info.st_ino);
  EXPECT_EQ(seen->st_mode, info.st_mode);
  EXPECT_EQ(seen->st_size, info.st_size);
  EXPECT_TRUE(SameTime(seen->st_mtim, info.st_mtim));
  EXPECT_TRUE(SameTime(seen->st_ctim, info.st_ctim));
}

TEST(StatInMemoryTest, ShowsWhatStatShows) {
  TempDir dir;
  const std::string file = dir.Below("file");
  ASSERT_TRUE(WriteFileDurably(file, "bytes", 0640).ok());
  if (absl::IsUnavailable(StatInMemory(file, 0).status())) {
    GTEST_SKIP() << "the kernel or a sandbox knows no such look";
  }
  ASSERT_EQ(::symlink("file", dir.Below("link").c_str()), 0);
  for (const std::string& path : {dir.path(), file, dir.Below("link")}) {
    ExpectAsStatShows(path, 0);
    ExpectAsStatShows(path, AT_SYMLINK_NOFOLLOW);
  }
}

TEST(StatInMemoryTest, TellsWhatIsNotThereFromWhatIsNotToBeSaid) {
  TempDir dir;
  const std::string file = dir.Below("file");
  ASSERT_TRUE(WriteFileDurably(file, "", 0600).ok());
  ASSERT_EQ(::symlink("loop", dir.Below("loop").c_str()), 0);
  if (absl::IsUnavailable(StatInMemory(file, 0).status())) {
    GTEST_SKIP() << "the kernel or a sandbox knows no such look";
  }
  EXPECT_FALSE(StatInMemory(dir.Below("file/x"), 0).ok());
  ASSERT_FALSE(IsThere(dir.Below("none")));
  EXPECT_TRUE(absl::IsNotFound(StatInMemory(dir.Below("none"), 0).status()));
  EXPECT_TRUE(absl::IsUnavailable(StatInMemory(dir.Below("loop"), 0).status()));
}

}  // namespace
}  // namespace hubd
