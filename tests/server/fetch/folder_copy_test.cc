#include "server/fetch/folder_copy.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "absl/strings/match.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "server/base/unique_fd.h"
#include "tests/server/base/temp_dir.h"

namespace hubd {
namespace {

class FolderCopyTest : public testing::Test {
 protected:
  FolderCopyTest() {
    HUBD_CHECK(MakeDirectories(From("folder"), 0700).ok());
    HUBD_CHECK(MakeDirectories(dir_.Below("to"), 0700).ok());
    Write("hubconf.py", "def f(): pass\n");
  }

  std::string From(const std::string& name) {
    return dir_.Below("from/" + name);
  }
  std::string To(const std::string& name) { return dir_.Below("to/" + name); }
  void Write(const std::string& name, const std::string& text) {
    HUBD_CHECK(WriteFileDurably(From(name), text, 0600).ok());
  }

  absl::StatusOr<UnpackedTree> Copy(const ArchiveLimits& limits = {},
                                    std::stop_token stop = {}) {
    const UniqueFd source(
        ::open(From("").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return CopyFolder(
        source.get(), To(""), limits, [this](int64_t bytes) { read_ += bytes; },
        std::move(stop));
  }

  TempDir dir_;
  int64_t read_ = 0;
};

TEST_F(FolderCopyTest, CopiesFilesFoldersAndLinks) {
  Write("folder/run", "#!");
  ::chmod(From("folder/run").c_str(), 0700);
  std::filesystem::create_symlink("folder/run", From("inside"));
  std::filesystem::create_symlink("/etc/passwd", From("outside"));
  absl::StatusOr<UnpackedTree> tree = Copy();
  ASSERT_TRUE(tree.ok()) << tree.status();
  EXPECT_EQ(*ReadFile(To("hubconf.py")), "def f(): pass\n");
  struct stat info;
  ASSERT_EQ(::stat(To("folder/run").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0755u);
  EXPECT_EQ(std::filesystem::read_symlink(To("inside")), "folder/run");
  EXPECT_EQ(*ReadFile(To("outside")), "/etc/passwd");
  EXPECT_EQ(tree->warnings.size(), 1u);
  EXPECT_EQ(tree->entry_count, 5);
  EXPECT_EQ(tree->size_bytes, 14 + 2 + 11);
  EXPECT_EQ(read_, 14 + 2);
}

TEST_F(FolderCopyTest, LeavesOutWhatIsNoneOfTheRepos) {
  for (const char* folder : {".git", "folder/__pycache__"}) {
    HUBD_CHECK(MakeDirectories(From(folder), 0700).ok());
    Write(std::string(folder) + "/x", "x");
  }
  ASSERT_TRUE(Copy().ok());
  EXPECT_FALSE(IsThere(To(".git")));
  EXPECT_FALSE(IsThere(To("folder/__pycache__")));
}

TEST_F(FolderCopyTest, APipeIsToldAndNotWaitedFor) {
  ASSERT_EQ(::mkfifo(From("folder/pipe").c_str(), 0600), 0);
  const absl::Status status = Copy().status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_TRUE(
      absl::StrContains(status.message(), "\"folder/pipe\" is no file"));
}

TEST_F(FolderCopyTest, TheLimitsAreThoseOfArchives) {
  Write("big", std::string(3 << 20, 'x'));
  // Nothing was compressed, so that no ratio is passed.
  EXPECT_TRUE(Copy({.max_ratio = 1}).ok());
  EXPECT_EQ(ReasonOf(Copy({.max_bytes = 1 << 20}).status()),
            Reason::kBadArchive);
}

TEST_F(FolderCopyTest, TooManyEntriesAreRefused) {
  EXPECT_FALSE(Copy({.max_entries = 1}).ok());
}

TEST_F(FolderCopyTest, StopsWhenItIsTold) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(absl::IsCancelled(Copy({}, stop.get_token()).status()));
}

TEST_F(FolderCopyTest, DepthCostsNoDescriptors) {
  std::string path = "d";
  for (int depth = 1; depth < 1500; ++depth) path += "/d";
  UniqueFd at(::open(From("").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (int depth = 0; depth < 1500; ++depth) {
    ASSERT_EQ(::mkdirat(at.get(), "d", 0700), 0);
    at.reset(::openat(at.get(), "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ASSERT_TRUE(at.valid());
  }
  EXPECT_TRUE(Copy().ok());
  EXPECT_TRUE(IsThere(To(path)));
}

}  // namespace
}  // namespace hubd
