#include "client/cli/copy_out.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/base/fs.h"
#include "server/base/unique_fd.h"
#include "tests/server/base/temp_dir.h"

namespace hubd {
namespace {

using Names = std::vector<std::string>;

class CopyOutTest : public testing::Test {
 protected:
  UniqueFd Source(const std::string& content) {
    EXPECT_TRUE(WriteFileDurably(blob_, content, 0444).ok());
    return UniqueFd(::open(blob_.c_str(), O_RDONLY | O_CLOEXEC));
  }

  TempDir cache_;
  TempDir directory_;
  const std::string blob_ = cache_.Below("blob");
  const std::string file_ = directory_.Below("file");
};

TEST_F(CopyOutTest, GivesAFileThatCanBeEdited) {
  // More than one chunk, and not a whole number of pages.
  const std::string content(40'000'001, 'x');
  ASSERT_TRUE(CopyOut(Source(content).get(), file_, CallLimit()).ok());
  EXPECT_EQ(*ReadFile(file_, 1 << 26), content);
  struct stat blob;
  struct stat file;
  ASSERT_EQ(::stat(blob_.c_str(), &blob), 0);
  ASSERT_EQ(::stat(file_.c_str(), &file), 0);
  EXPECT_NE(blob.st_ino, file.st_ino);
  EXPECT_EQ(file.st_mode & 0600, 0600u);
}

TEST_F(CopyOutTest, ReplacesAFile) {
  ASSERT_TRUE(WriteFileDurably(file_, "old and longer", 0644).ok());
  ASSERT_TRUE(CopyOut(Source("new").get(), file_, CallLimit()).ok());
  EXPECT_EQ(*ReadFile(file_), "new");
  EXPECT_EQ(*ListDirectory(directory_.path()), Names({"file"}));
}

TEST_F(CopyOutTest, CopiesAcrossFileSystems) {
  std::string path = "/dev/shm/hubctl-XXXXXX";
  UniqueFd target(::mkstemp(path.data()));
  if (!target.valid()) GTEST_SKIP() << "no /dev/shm";
  EXPECT_TRUE(CopyOut(Source("far").get(), path, CallLimit()).ok());
  EXPECT_EQ(*ReadFile(path), "far");
  ::unlink(path.c_str());
}

TEST_F(CopyOutTest, FailureLeavesTheFileAsItWas) {
  ASSERT_TRUE(WriteFileDurably(file_, "old", 0644).ok());
  const UniqueFd source(::open(cache_.path().c_str(), O_RDONLY | O_DIRECTORY));
  EXPECT_FALSE(CopyOut(source.get(), file_, CallLimit()).ok());
  EXPECT_EQ(*ReadFile(file_), "old");
  EXPECT_EQ(*ListDirectory(directory_.path()), Names({"file"}));
}

TEST_F(CopyOutTest, CancellationLeavesNothing) {
  std::stop_source source;
  source.request_stop();
  const CallLimit limit(absl::InfiniteDuration(), source.get_token());
  EXPECT_TRUE(absl::IsCancelled(CopyOut(Source("new").get(), file_, limit)));
  EXPECT_EQ(*ListDirectory(directory_.path()), Names());
}

TEST_F(CopyOutTest, TargetMustBeAPlainFileInADirectory) {
  EXPECT_TRUE(CheckTarget(file_).ok());
  ASSERT_TRUE(WriteFileDurably(file_, "old", 0644).ok());
  EXPECT_TRUE(CheckTarget(file_).ok());
  for (const std::string& path :
       {directory_.path(), directory_.path() + "/", std::string("/dev/null"),
        std::string(""), directory_.Below("none/file")}) {
    EXPECT_TRUE(absl::IsInvalidArgument(CheckTarget(path))) << path;
  }
}

}  // namespace
}  // namespace hubd
