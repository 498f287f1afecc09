#include "server/store/stamp.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "server/base/fs.h"
#include "server/base/status.h"
#include "server/store/tree_digest.h"
#include "tests/server/base/temp_dir.h"

namespace hubd {
namespace {

std::string StampAt(const std::string& path) {
  struct stat info = {};
  EXPECT_EQ(::lstat(path.c_str(), &info), 0);
  return StampOf(info);
}

// The clock of the file system, which is a coarse one, goes on.
void WaitForTheNextTime(const std::string& path) {
  const std::string probe = path + ".probe";
  EXPECT_TRUE(WriteFileDurably(probe, "", 0644).ok());
  struct stat first = {};
  struct stat now = {};
  EXPECT_EQ(::stat(probe.c_str(), &first), 0);
  do {
    EXPECT_EQ(::chmod(probe.c_str(), 0644), 0);
    EXPECT_EQ(::stat(probe.c_str(), &now), 0);
  } while (now.st_ctim.tv_nsec == first.st_ctim.tv_nsec);
  EXPECT_EQ(::unlink(probe.c_str()), 0);
}

class StampTest : public testing::Test {
 protected:
  StampTest() {
    HUBD_CHECK(MakeDirectories(tree_ + "/folder", 0755).ok());
    HUBD_CHECK(WriteFileDurably(file_, "bytes", 0644).ok());
    WaitForTheNextTime(temp_.Below("x"));
  }

  TempDir temp_;
  const std::string tree_ = temp_.Below("tree");
  const std::string file_ = tree_ + "/folder/file";
};

TEST_F(StampTest, IsTheSameUntilSomethingChanges) {
  const std::string before = StampAt(file_);
  const std::string tree = *TreeStamp(tree_);
  EXPECT_TRUE(ReadFile(file_).ok());
  EXPECT_EQ(StampAt(file_), before);
  EXPECT_EQ(*TreeStamp(tree_), tree);
}

TEST_F(StampTest, ShowsEveryChange) {
  const std::function<void()> changes[] = {
      [this] { EXPECT_TRUE(WriteFileDurably(file_, "bytes", 0644).ok()); },
      [this] { EXPECT_EQ(::truncate(file_.c_str(), 4), 0); },
      [this] {
        // In place, and with its times set back.
        struct stat info = {};
        EXPECT_EQ(::stat(file_.c_str(), &info), 0);
        const int fd = ::open(file_.c_str(), O_WRONLY | O_CLOEXEC);
        EXPECT_EQ(::pwrite(fd, "B", 1, 0), 1);
        const timespec times[] = {info.st_atim, info.st_mtim};
        EXPECT_EQ(::futimens(fd, times), 0);
        EXPECT_EQ(::close(fd), 0);
      },
      [this] { EXPECT_EQ(::chmod(file_.c_str(), 0755), 0); },
  };
  for (const auto& change : changes) {
    const std::string before = StampAt(file_);
    const std::string tree = *TreeStamp(tree_);
    change();
    EXPECT_NE(StampAt(file_), before);
    EXPECT_NE(*TreeStamp(tree_), tree);
    WaitForTheNextTime(temp_.Below("x"));
  }
}

TEST_F(StampTest, OfATreeShowsWhatCameAndWent) {
  const std::string before = *TreeStamp(tree_);
  ASSERT_EQ(::symlink("folder", (tree_ + "/link").c_str()), 0);
  const std::string with_link = *TreeStamp(tree_);
  EXPECT_NE(with_link, before);
  ASSERT_TRUE(RemoveAll(tree_ + "/folder").ok());
  EXPECT_NE(*TreeStamp(tree_), with_link);
  EXPECT_FALSE(TreeStamp(temp_.Below("none")).ok());
}

}  // namespace
}  // namespace hubd
