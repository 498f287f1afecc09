#include "server/base/local_disk.h"

#include <gtest/gtest.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <string>

#include "tests/server/base/temp_dir.h"

namespace hubd {
namespace {

// What is not there would be made on the disk of what is.
TEST(LocalDiskTest, MemoryIsOne) {
  struct statfs root;
  ASSERT_EQ(::statfs("/", &root), 0);
  if (root.f_type != EXT4_SUPER_MAGIC && root.f_type != OVERLAYFS_SUPER_MAGIC) {
    GTEST_SKIP() << "/ may lie on another machine";
  }
  EXPECT_TRUE(IsOnLocalDisk("/dev/shm"));
  EXPECT_TRUE(IsOnLocalDisk("/dev/shm/absent/file"));
}

TEST(LocalDiskTest, TheWholeWayCounts) {
  TempDir dir;
  const std::string link = dir.Below("link");
  ASSERT_EQ(::symlink("/proc/self/root/dev/shm", link.c_str()), 0);
  const std::string loop = dir.Below("loop");
  ASSERT_EQ(::symlink("loop", loop.c_str()), 0);
  for (const std::string& path :
       {std::string("/proc/self/absent"), std::string("dev/shm"),
        std::string("/dev/shm/../../proc"), link, loop, std::string()}) {
    EXPECT_FALSE(IsOnLocalDisk(path)) << path;
  }
}

}  // namespace
}  // namespace hubd
