#include "server/store/root_directory.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>

#include "server/base/fs.h"
#include "tests/server/base/temp_dir.h"

namespace hubd {
namespace {

class RootDirectoryTest : public testing::Test {
 protected:
  TempDir temp_;
  Layout layout_{temp_.Below("root")};
};

TEST_F(RootDirectoryTest, IsMadeForItsOwnerAlone) {
  ASSERT_TRUE(OpenRoot(layout_.root()).ok());
  struct stat info;
  ASSERT_EQ(::stat(layout_.root().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0700u);
}

TEST_F(RootDirectoryTest, IsRefusedWhereOthersCanWriteIt) {
  ASSERT_TRUE(OpenRoot(layout_.root()).ok());
  ASSERT_EQ(::chmod(layout_.root().c_str(), 0770), 0);
  const absl::Status refused = OpenRoot(layout_.root()).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused));
  EXPECT_NE(refused.message().find("chmod go-w " + layout_.root()),
            std::string::npos);
}

TEST_F(RootDirectoryTest, HasAVersionThatItIsFreshWithout) {
  ASSERT_TRUE(MakeDirectories(layout_.store(), 0700).ok());
  EXPECT_TRUE(*CheckVersion(layout_));
  EXPECT_FALSE(*CheckVersion(layout_));
  for (const char* odd : {"", "x", "0", "-1", "2"}) {
    ASSERT_TRUE(WriteFileDurably(layout_.version(), odd, 0644).ok());
    EXPECT_TRUE(absl::IsFailedPrecondition(CheckVersion(layout_).status()))
        << odd;
  }
}

TEST_F(RootDirectoryTest, HasItsFoldersHoweverOftenTheyAreMade) {
  ASSERT_TRUE(MakeDirectories(layout_.store(), 0700).ok());
  for (int round = 0; round < 2; ++round) {
    ASSERT_TRUE(MakeFolders(layout_).ok());
    for (const std::string& path :
         {layout_.blobs(), layout_.trees(), layout_.unpacked(), layout_.tmp(),
          layout_.partials(), layout_.tree_records(), layout_.cachedir_tag()}) {
      EXPECT_TRUE(IsThere(path)) << path;
    }
  }
}

}  // namespace
}  // namespace hubd
