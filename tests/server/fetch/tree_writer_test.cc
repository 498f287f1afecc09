#include "server/fetch/tree_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "tests/server/fetch/archive_builder.h"

namespace hubd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class TreeWriterTest : public ::testing::Test {
 protected:
  TreeWriterTest() {
    HUBD_CHECK(MakeDirectories(tree_, 0755).ok());
    HUBD_CHECK(WriteFileDurably(base_ + "/secret", "s", 0644).ok());
    writer_ = *TreeWriter::Open(tree_, &meter_);
  }
  ~TreeWriterTest() override {
    EXPECT_THAT(*ListDirectory(base_), ElementsAre("secret", "tree"));
    EXPECT_EQ(*ReadFile(base_ + "/secret"), "s");
    EXPECT_TRUE(RemoveAll(base_).ok());
  }

  absl::Status AddFile(const std::string& path, const std::string& content) {
    return writer_->AddFile(path, false, SourceOf(content));
  }
  mode_t ModeOf(const std::string& path) {
    struct stat info = {};
    EXPECT_EQ(lstat((tree_ + "/" + path).c_str(), &info), 0) << path;
    return info.st_mode;
  }
  std::string Content(const std::string& path) {
    return ReadFile(tree_ + "/" + path).value_or("no file");
  }

  const std::string base_ = MakeTempDirectory();
  const std::string tree_ = base_ + "/tree";
  UnpackMeter meter_{{.max_entries = 100}, {}};
  std::unique_ptr<TreeWriter> writer_;
};

TEST_F(TreeWriterTest, SetsModesWhateverTheUmask) {
  const mode_t before = umask(0077);
  ASSERT_TRUE(AddFile("a/b/plain", "p").ok());
  ASSERT_TRUE(writer_->AddFile("run", true, SourceOf("r")).ok());
  ASSERT_TRUE(writer_->AddFolder("empty").ok());
  umask(before);
  EXPECT_EQ(ModeOf("a"), S_IFDIR | 0755u);
  EXPECT_EQ(ModeOf("a/b"), S_IFDIR | 0755u);
  EXPECT_EQ(ModeOf("empty"), S_IFDIR | 0755u);
  EXPECT_EQ(ModeOf("a/b/plain"), S_IFREG | 0644u);
  EXPECT_EQ(ModeOf("run"), S_IFREG | 0755u);
  EXPECT_EQ(writer_->entry_count(), 5);
  EXPECT_EQ(writer_->size_bytes(), 2);
}

TEST_F(TreeWriterTest, TakesAFolderTwiceButNothingElse) {
  ASSERT_TRUE(writer_->AddFolder("folder").ok());
  ASSERT_TRUE(AddFile("file", "1").ok());
  ASSERT_TRUE(writer_->AddLink("link", "folder").ok());
  EXPECT_TRUE(writer_->AddFolder("folder").ok());
  for (const absl::Status& status :
       {AddFile("file", "2"), AddFile("folder", "2"), AddFile("link", "2"),
        AddFile("file/below", "2"), writer_->AddFolder("file"),
        writer_->AddFolder("link"), writer_->AddLink("file", "x"),
        writer_->AddLink("folder", "x"), writer_->AddCopy("file", "file")}) {
    EXPECT_EQ(ReasonOf(status), Reason::kBadArchive) << status;
  }
  EXPECT_EQ(Content("file"), "1");
}

TEST_F(TreeWriterTest, GoesThroughNoLink) {
  ASSERT_TRUE(writer_->AddFolder("folder").ok());
  ASSERT_TRUE(writer_->AddLink("link", "folder").ok());
  // What a link to the outside would do, were one let in.
  ASSERT_EQ(symlink("..", (tree_ + "/out").c_str()), 0);
  for (const absl::Status& status :
       {AddFile("link/a", ""), AddFile("out/a", ""), AddFile("out/b/c", ""),
        writer_->AddFolder("out/d"), writer_->AddLink("out/e", "x"),
        writer_->AddCopy("copy", "out/secret")}) {
    EXPECT_EQ(ReasonOf(status), Reason::kBadArchive) << status;
  }
  EXPECT_THAT(*ListDirectory(tree_ + "/folder"), SizeIs(0));
}

TEST_F(TreeWriterTest, WritesLinksThatLeaveAsText) {
  ASSERT_TRUE(writer_->AddLink("d/up", "../../secret").ok());
  ASSERT_TRUE(writer_->AddLink("d/inside", "../d").ok());
  const auto warnings = writer_->Finish();
  EXPECT_THAT(*warnings, ElementsAre(HasSubstr("\"d/up\"")));
  EXPECT_EQ(ModeOf("d/up"), S_IFREG | 0644u);
  EXPECT_EQ(Content("d/up"), "../../secret");
  EXPECT_TRUE(S_ISLNK(ModeOf("d/inside")));
  EXPECT_EQ(writer_->entry_count(), 3);
}

TEST_F(TreeWriterTest, FindsLinksThatLeaveByWayOfOthers) {
  // "a" is the tree itself, so that "a/.." is above it, though not in words.
  ASSERT_TRUE(writer_->AddLink("d/e/a", "../..").ok());
  ASSERT_TRUE(writer_->AddLink("leaves", "d/e/a/../../x").ok());
  ASSERT_TRUE(writer_->AddLink("stays", "d/../file").ok());
  ASSERT_TRUE(writer_->AddLink("nowhere", "none/../file").ok());
  ASSERT_TRUE(AddFile("file", "f").ok());
  const auto warnings = writer_->Finish();
  EXPECT_THAT(*warnings, ElementsAre(HasSubstr("\"leaves\"")));
  EXPECT_EQ(ModeOf("leaves"), S_IFREG | 0644u);
  EXPECT_EQ(Content("leaves"), "d/e/a/../../x");
  EXPECT_EQ(Content("stays"), "f");
  EXPECT_TRUE(S_ISLNK(ModeOf("nowhere")));
}

TEST_F(TreeWriterTest, RefusesTargetsThatAreNoPath) {
  for (const std::string& target :
       {std::string(), std::string("a\0b", 3), std::string(5000, 'a')}) {
    EXPECT_EQ(ReasonOf(writer_->AddLink("l", target)), Reason::kBadArchive);
  }
}

TEST_F(TreeWriterTest, KeepsTheWarningsFew) {
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(writer_->AddLink(absl::StrCat("l", i), "/etc").ok());
  }
  const auto warnings = writer_->Finish();
  ASSERT_THAT(*warnings, SizeIs(21));
  EXPECT_THAT(warnings->back(), HasSubstr("30 more"));
}

TEST_F(TreeWriterTest, CopiesFilesWithTheirMode) {
  ASSERT_TRUE(writer_->AddFile("run", true, SourceOf("#!")).ok());
  ASSERT_TRUE(writer_->AddCopy("d/copy", "run").ok());
  EXPECT_EQ(Content("d/copy"), "#!");
  EXPECT_EQ(ModeOf("d/copy"), S_IFREG | 0755u);
  EXPECT_EQ(writer_->size_bytes(), 4);
  EXPECT_EQ(ReasonOf(writer_->AddCopy("x", "none")), Reason::kBadArchive);
  EXPECT_EQ(ReasonOf(writer_->AddCopy("x", "d")), Reason::kBadArchive);
}

TEST_F(TreeWriterTest, CountsImpliedFolders) {
  std::string deep = "d";
  for (int i = 1; i < 100; ++i) deep += "/d";
  EXPECT_TRUE(AddFile(deep + "/f", "").ok());
  EXPECT_EQ(ReasonOf(AddFile("one/more", "")), Reason::kBadArchive);
}

}  // namespace
}  // namespace hubd
