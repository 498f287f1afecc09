#include "server/store/tree_digest.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <utime.h>

#include <filesystem>
#include <functional>
#include <set>
#include <string>

#include "server/base/digest.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "tests/server/base/temp_dir.h"

namespace hubd {
namespace {

class TreeDigestTest : public testing::Test {
 protected:
  TreeDigestTest() {
    HUBD_CHECK(MakeDirectories(Below("a/b"), 0755).ok());
    Write("a/b/f", "content");
    Write("a-b", "");
    Write("run", "#!");
    HUBD_CHECK(::chmod(Below("run").c_str(), 0755) == 0);
    std::filesystem::create_symlink("a/b/f", Below("link"));
  }

  std::string Below(const std::string& name) const {
    return dir_.Below("tree/" + name);
  }

  void Write(const std::string& name, const std::string& bytes) const {
    HUBD_CHECK(WriteFileDurably(Below(name), bytes, 0644).ok());
  }

  std::string Digest() const { return *TreeDigest(dir_.Below("tree")); }

  TempDir dir_;
};

// The encoding is a promise: lock files hold what comes of it.
TEST_F(TreeDigestTest, IsTheHashOfTheBytesThatItsHeaderSays) {
  const std::string nul(1, '\0');
  const std::string bytes =
      "hubd tree 1" + nul + "d" + nul + "a" + nul +                //
      "f" + nul + "a-b" + nul + "0" + nul + Sha256Hex("") + nul +  //
      "d" + nul + "a/b" + nul +                                    //
      "f" + nul + "a/b/f" + nul + "7" + nul + Sha256Hex("content") + nul + "l" +
      nul + "link" + nul + "a/b/f" + nul +  //
      "x" + nul + "run" + nul + "2" + nul + Sha256Hex("#!") + nul;
  EXPECT_EQ(Digest(), Sha256Hex(bytes));
}

TEST_F(TreeDigestTest, OwnersTimesAndOtherModesCountForNothing) {
  const std::string before = Digest();
  const struct utimbuf long_ago = {1, 1};
  ASSERT_EQ(::utime(Below("a/b/f").c_str(), &long_ago), 0);
  ASSERT_EQ(::chmod(Below("a/b/f").c_str(), 0400), 0);
  ASSERT_EQ(::chmod(Below("run").c_str(), 0555), 0);
  ASSERT_EQ(::chmod(Below("a").c_str(), 0555), 0);
  EXPECT_EQ(Digest(), before);
  ASSERT_EQ(::chmod(Below("a").c_str(), 0755), 0);
}

TEST_F(TreeDigestTest, EveryOtherChangeCounts) {
  namespace fs = std::filesystem;
  const std::function<void()> changes[] = {
      [&] { Write("a/b/f", "Content"); },
      [&] { Write("a/b/f", "content "); },
      [&] { ASSERT_EQ(::chmod(Below("a/b/f").c_str(), 0744), 0); },
      [&] { ASSERT_EQ(::chmod(Below("run").c_str(), 0644), 0); },
      [&] { Write("added", ""); },
      [&] { ASSERT_EQ(::mkdir(Below("empty").c_str(), 0755), 0); },
      [&] { fs::rename(Below("a-b"), Below("a-c")); },
      [&] { fs::remove(Below("a-c")); },
      [&] {
        fs::remove(Below("link"));
        fs::create_symlink("a/b/g", Below("link"));
      },
      [&] {
        fs::remove(Below("link"));
        Write("link", "a/b/f");
      },
      [&] { ASSERT_EQ(::mkfifo(Below("pipe").c_str(), 0644), 0); },
  };
  std::set<std::string> seen = {Digest()};
  for (const auto& change : changes) {
    change();
    EXPECT_TRUE(seen.insert(Digest()).second) << seen.size();
  }
}

TEST_F(TreeDigestTest, FollowsNoLink) {
  std::filesystem::create_symlink("tree", dir_.Below("other"));
  EXPECT_TRUE(absl::IsNotFound(TreeDigest(dir_.Below("other")).status()));
  std::filesystem::create_symlink("/nowhere", Below("dangling"));
  EXPECT_TRUE(TreeDigest(dir_.Below("tree")).ok());
}

TEST_F(TreeDigestTest, WhereNoDirectoryIsItIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(TreeDigest(dir_.Below("none")).status()));
  EXPECT_TRUE(absl::IsNotFound(TreeDigest(Below("run")).status()));
}

TEST_F(TreeDigestTest, StopsWhenTold) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(absl::IsCancelled(
      TreeDigest(dir_.Below("tree"), {.stop = stop.get_token()}).status()));
}

}  // namespace
}  // namespace hubd
