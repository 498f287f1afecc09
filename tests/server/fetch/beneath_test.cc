#include "server/fetch/beneath.h"

#include <unistd.h>

#include <string>

#include "gtest/gtest.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "tests/server/base/temp_dir.h"

namespace hubd {
namespace {

class BeneathTest : public ::testing::Test {
 protected:
  BeneathTest() {
    HUBD_CHECK(MakeDirectories(tree_ + "/a/b", 0755).ok());
    HUBD_CHECK(WriteFileDurably(tree_ + "/a/b/file", "f", 0644).ok());
    HUBD_CHECK(WriteFileDurably(temp_.path() + "/secret", "s", 0644).ok());
    Link("in", "a");
    Link("out", "..");
    Link("winding", "a/b/../../../secret");
    Link("nowhere", "a/none");
    root_ = UniqueFd(open(tree_.c_str(), static_cast<int>(kOpenFolder)));
    HUBD_CHECK(root_.valid());
  }

  void Link(const std::string& name, const std::string& target) {
    HUBD_CHECK(symlink(target.c_str(), (tree_ + "/" + name).c_str()) == 0);
  }
  bool Opens(const std::string& path) {
    return OpenBeneath(root_.get(), path, O_RDONLY | O_CLOEXEC).valid();
  }

  TempDir temp_;
  const std::string tree_ = temp_.path() + "/tree";
  UniqueFd root_;
};

TEST_F(BeneathTest, OpensWhatIsInTheTree) {
  EXPECT_TRUE(Opens("a/b/file"));
  EXPECT_TRUE(Opens("a/b/../b/file"));
  EXPECT_TRUE(Opens("."));
  EXPECT_FALSE(Opens("a/none"));
}

TEST_F(BeneathTest, GoesThroughNoLinkAndNotOutside) {
  for (const char* path : {"in", "in/b/file", "out/secret", "../secret",
                           "a/../../secret", "/etc/passwd", "winding"}) {
    EXPECT_FALSE(Opens(path)) << path;
  }
}

TEST_F(BeneathTest, TellsWhichLinksLeaveTheTree) {
  EXPECT_FALSE(LeadsOut(root_.get(), "in"));
  EXPECT_FALSE(LeadsOut(root_.get(), "nowhere"));
  EXPECT_TRUE(LeadsOut(root_.get(), "out"));
  EXPECT_TRUE(LeadsOut(root_.get(), "winding"));
}

}  // namespace
}  // namespace hubd
