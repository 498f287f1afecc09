#include "server/base/fs.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "server/base/unique_fd.h"
#include "tests/server/base/temp_dir.h"

namespace hubd {
namespace {

TEST(FsTest, MakeDirectoriesMakesParentsAndIsContentWithWhatIsThere) {
  TempDir dir;
  ASSERT_TRUE(MakeDirectories(dir.Below("a/b/c"), 0700).ok());
  ASSERT_TRUE(MakeDirectories(dir.Below("a/b/c"), 0700).ok());
  EXPECT_TRUE(std::filesystem::is_directory(dir.Below("a/b/c")));
}

TEST(FsTest, MakeDirectoriesRefusesAFileInTheWay) {
  TempDir dir;
  ASSERT_TRUE(WriteFileDurably(dir.Below("a"), "", 0600).ok());
  EXPECT_FALSE(MakeDirectories(dir.Below("a"), 0700).ok());
  EXPECT_FALSE(MakeDirectories(dir.Below("a/b"), 0700).ok());
}

TEST(FsTest, WriteFileDurablyReplacesAFileAndLeavesNothingBeside) {
  TempDir dir;
  ASSERT_TRUE(WriteFileDurably(dir.Below("f"), "a long text", 0600).ok());
  ASSERT_TRUE(WriteFileDurably(dir.Below("f"), "short", 0640).ok());
  EXPECT_EQ(*ReadFile(dir.Below("f")), "short");
  EXPECT_EQ(*ListDirectory(dir.path()), std::vector<std::string>{"f"});
  struct stat info;
  ASSERT_EQ(::stat(dir.Below("f").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640u);
}

TEST(FsTest, WriteFileDurablyThatFailsLeavesNothing) {
  TempDir dir;
  // A directory cannot be replaced by a file.
  ASSERT_TRUE(MakeDirectories(dir.Below("d/x"), 0700).ok());
  absl::Status status = WriteFileDurably(dir.Below("d"), "text", 0600);
  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.message().find(dir.Below("d")), absl::string_view::npos);
  EXPECT_EQ(*ListDirectory(dir.path()), std::vector<std::string>{"d"});
}

TEST(FsTest, ReadFileTellsAMissingFileFromATooLongOne) {
  TempDir dir;
  EXPECT_TRUE(absl::IsNotFound(ReadFile(dir.Below("f")).status()));
  std::string content(100000, 'x');
  ASSERT_TRUE(WriteFileDurably(dir.Below("f"), content, 0600).ok());
  EXPECT_EQ(*ReadFile(dir.Below("f"), 100000), content);
  EXPECT_TRUE(
      absl::IsFailedPrecondition(ReadFile(dir.Below("f"), 99999).status()));
}

TEST(FsTest, RemoveAllTakesReadOnlyTreesAndFollowsNoLink) {
  TempDir dir;
  ASSERT_TRUE(MakeDirectories(dir.Below("tree/a/b"), 0755).ok());
  ASSERT_TRUE(WriteFileDurably(dir.Below("tree/a/b/f"), "x", 0444).ok());
  ASSERT_TRUE(WriteFileDurably(dir.Below("kept"), "x", 0600).ok());
  ASSERT_TRUE(MakeDirectories(dir.Below("kept_dir/x"), 0700).ok());
  std::filesystem::create_symlink(dir.Below("kept"), dir.Below("tree/a/l"));
  std::filesystem::create_symlink(dir.Below("kept_dir"), dir.Below("tree/a/d"));
  ::chmod(dir.Below("tree/a/b").c_str(), 0555);
  ::chmod(dir.Below("tree/a").c_str(), 0000);
  ::chmod(dir.Below("tree").c_str(), 0555);
  ASSERT_TRUE(RemoveAll(dir.Below("tree")).ok());
  EXPECT_EQ(*ListDirectory(dir.path()),
            (std::vector<std::string>{"kept", "kept_dir"}));
  EXPECT_EQ(ListDirectory(dir.Below("kept_dir"))->size(), 1u);
  EXPECT_TRUE(RemoveAll(dir.Below("tree")).ok());
}

TEST(FsTest, RemoveContentsLeavesTheDirectory) {
  TempDir dir;
  ASSERT_TRUE(MakeDirectories(dir.Below("tree/a/b"), 0755).ok());
  ASSERT_TRUE(WriteFileDurably(dir.Below("tree/f"), "x", 0444).ok());
  ASSERT_TRUE(RemoveContents(dir.Below("tree")).ok());
  EXPECT_TRUE(ListDirectory(dir.Below("tree"))->empty());
  EXPECT_FALSE(RemoveContents(dir.Below("missing")).ok());
}

TEST(FsTest, OnlyWhatTheKernelCallsAbsentIsNotThere) {
  TempDir dir;
  ASSERT_TRUE(WriteFileDurably(dir.Below("f"), "", 0600).ok());
  std::filesystem::create_symlink("nowhere", dir.Below("dangling"));
  EXPECT_TRUE(IsThere(dir.Below("f")));
  EXPECT_TRUE(IsThere(dir.Below("dangling")));
  EXPECT_TRUE(IsThere(dir.Below(std::string(300, 'x'))));  // ENAMETOOLONG
  EXPECT_FALSE(IsThere(dir.Below("x/y")));
  EXPECT_FALSE(IsThere(dir.Below("f/y")));
}

TEST(FsTest, RenameDurablyNamesBothPathsWhenItFails) {
  TempDir dir;
  absl::Status status = RenameDurably(dir.Below("a"), dir.Below("b"));
  EXPECT_NE(status.message().find(dir.Below("a") + " to " + dir.Below("b")),
            absl::string_view::npos);
}

TEST(FsTest, CanonicalPathResolvesLinksOfWhatIsThereAndKeepsTheRest) {
  TempDir dir;
  ASSERT_TRUE(MakeDirectories(dir.Below("real"), 0700).ok());
  std::filesystem::create_symlink("real", dir.Below("link"));
  EXPECT_EQ(CanonicalPath(dir.Below("link/new/x")), dir.Below("real/new/x"));
  EXPECT_EQ(CanonicalPath(dir.Below("link/")), dir.Below("real"));
  EXPECT_EQ(CanonicalPath(dir.Below("a/../b/./c")), dir.Below("b/c"));
  EXPECT_EQ(CanonicalPath("/"), "/");
}

TEST(FsTest, WriteAllSaysWhyItCannot) {
  EXPECT_TRUE(WriteAll(-1, "").ok());
  EXPECT_FALSE(WriteAll(-1, "x").ok());
}

}  // namespace
}  // namespace hubd
