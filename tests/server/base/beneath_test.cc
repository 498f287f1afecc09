#include "server/base/beneath.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <vector>

#include "server/base/fs.h"
#include "tests/server/base/temp_dir.h"

namespace hubd {
namespace {

class BeneathTest : public testing::Test {
 protected:
  BeneathTest() {
    HUBD_CHECK(MakeDirectories(dir_.Below("top/folder"), 0755).ok());
    HUBD_CHECK(WriteFileDurably(dir_.Below("top/folder/f"), "f", 0644).ok());
    HUBD_CHECK(WriteFileDurably(dir_.Below("outside"), "o", 0644).ok());
    std::filesystem::create_symlink("folder", dir_.Below("top/link"));
    std::filesystem::create_symlink("../outside", dir_.Below("top/out"));
    top_ = UniqueFd(::open(dir_.Below("top").c_str(), O_RDONLY | O_DIRECTORY));
  }

  // 0 where it can be opened, else errno.
  int Open(const std::string& path, uint64_t resolve = kNoLinks) {
    return OpenBeneath(top_.get(), path, O_RDONLY | O_CLOEXEC, resolve).valid()
               ? 0
               : errno;
  }

  TempDir dir_;
  UniqueFd top_;
};

TEST_F(BeneathTest, OpensWhatLiesBelowAndFollowsNoLink) {
  EXPECT_EQ(Open("folder/f"), 0);
  EXPECT_EQ(Open("nothing"), ENOENT);
  EXPECT_EQ(Open("link/f"), ELOOP);
  EXPECT_EQ(Open("link/f", RESOLVE_BENEATH), 0);
  EXPECT_EQ(Open("out", RESOLVE_BENEATH), EXDEV);
  EXPECT_EQ(Open("../outside"), EXDEV);
  EXPECT_EQ(Open(dir_.Below("outside")), EXDEV);
}

TEST_F(BeneathTest, TellsWhichLinksLeaveTheDirectory) {
  std::filesystem::create_symlink("folder/none", dir_.Below("top/nowhere"));
  std::filesystem::create_symlink("folder/../../outside",
                                  dir_.Below("top/winding"));
  EXPECT_FALSE(LeadsOut(top_.get(), "link"));
  EXPECT_FALSE(LeadsOut(top_.get(), "nowhere"));
  EXPECT_TRUE(LeadsOut(top_.get(), "out"));
  EXPECT_TRUE(LeadsOut(top_.get(), "winding"));
}

TEST_F(BeneathTest, ListsSortedNames) {
  EXPECT_EQ(*ListBeneath(top_.get(), ".", 10),
            (std::vector<std::string>{"folder", "link", "out"}));
  EXPECT_EQ(*ListBeneath(top_.get(), "folder", 10),
            std::vector<std::string>{"f"});
  EXPECT_FALSE(ListBeneath(top_.get(), "link", 10).ok());
  EXPECT_FALSE(ListBeneath(top_.get(), "..", 10).ok());
  EXPECT_FALSE(ListBeneath(top_.get(), ".", 2).ok());
}

}  // namespace
}  // namespace hubd
