#include "server/base/stat_in_memory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "server/base/fs.h"
#include "tests/server/base/memory_answers.h"
#include "tests/server/base/temp_dir.h"

namespace hubd {
namespace {

bool SameTime(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

// A link that is followed may need the disk even where it was followed before.
void ExpectAsStatShows(const std::string& path, Links links) {
  struct stat info;
  const int flags = links == Links::kKeep ? AT_SYMLINK_NOFOLLOW : 0;
  ASSERT_EQ(::fstatat(AT_FDCWD, path.c_str(), &info, flags), 0);
  const absl::StatusOr<struct stat> seen = StatInMemory(path, links);
  if (links == Links::kFollow && absl::IsUnavailable(seen.status())) return;
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
  if (!MemoryAnswers(dir.path())) GTEST_SKIP();
  const std::string file = dir.Below("file");
  ASSERT_TRUE(WriteFileDurably(file, "bytes", 0640).ok());
  ASSERT_EQ(::symlink("file", dir.Below("link").c_str()), 0);
  for (const std::string& path : {dir.path(), file, dir.Below("link")}) {
    ExpectAsStatShows(path, Links::kFollow);
    ExpectAsStatShows(path, Links::kKeep);
  }
}

// Some file systems remember what is not there, and some do not.
TEST(StatInMemoryTest, ShowsNothingOfWhatIsNotThere) {
  TempDir dir;
  ASSERT_EQ(::symlink("loop", dir.Below("loop").c_str()), 0);
  const absl::Status none =
      StatInMemory(dir.Below("none"), Links::kKeep).status();
  EXPECT_TRUE(absl::IsNotFound(none) || absl::IsUnavailable(none)) << none;
  EXPECT_TRUE(absl::IsUnavailable(
      StatInMemory(dir.Below("loop"), Links::kFollow).status()));
}

}  // namespace
}  // namespace hubd
