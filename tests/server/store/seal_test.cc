#include "server/store/seal.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "server/base/fs.h"
#include "tests/server/base/temp_dir.h"

namespace hubd {
namespace {

mode_t ModeOf(const std::string& path) {
  struct stat info;
  EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 07777;
}

TEST(SealTest, LeavesNothingWritableAndKeepsWhatMayRun) {
  TempDir dir;
  ASSERT_TRUE(MakeDirectories(dir.Below("tree/a/b"), 0700).ok());
  ASSERT_TRUE(WriteFileDurably(dir.Below("tree/a/b/f"), "x", 0600).ok());
  ASSERT_TRUE(WriteFileDurably(dir.Below("tree/run"), "x", 0700).ok());
  ASSERT_EQ(::chmod(dir.Below("tree/run").c_str(), 04777), 0);
  ASSERT_TRUE(SealBelow(dir.Below("tree")).ok());
  EXPECT_EQ(ModeOf(dir.Below("tree/a")), 0555u);
  EXPECT_EQ(ModeOf(dir.Below("tree/a/b")), 0555u);
  EXPECT_EQ(ModeOf(dir.Below("tree/a/b/f")), 0444u);
  EXPECT_EQ(ModeOf(dir.Below("tree/run")), 0555u);
  EXPECT_EQ(ModeOf(dir.Below("tree")), 0755u);
  ASSERT_TRUE(SealTop(dir.Below("tree")).ok());
  EXPECT_EQ(ModeOf(dir.Below("tree")), 0555u);
}

TEST(SealTest, AFileIsReadOnly) {
  TempDir dir;
  ASSERT_TRUE(WriteFileDurably(dir.Below("f"), "x", 0755).ok());
  ASSERT_TRUE(SealFile(dir.Below("f")).ok());
  EXPECT_EQ(ModeOf(dir.Below("f")), 0444u);
}

TEST(SealTest, AFileThatNobodyCanWriteKeepsItsReaders) {
  TempDir dir;
  ASSERT_TRUE(WriteFileDurably(dir.Below("f"), "x", 0400).ok());
  ASSERT_TRUE(SealFile(dir.Below("f")).ok());
  EXPECT_EQ(ModeOf(dir.Below("f")), 0400u);
}

TEST(SealTest, FollowsNoLink) {
  TempDir dir;
  ASSERT_TRUE(MakeDirectories(dir.Below("tree"), 0700).ok());
  ASSERT_TRUE(MakeDirectories(dir.Below("outside"), 0700).ok());
  ASSERT_TRUE(WriteFileDurably(dir.Below("outside/f"), "x", 0600).ok());
  std::filesystem::create_symlink("../outside", dir.Below("tree/d"));
  std::filesystem::create_symlink("../outside/f", dir.Below("tree/f"));
  std::filesystem::create_symlink("nowhere", dir.Below("tree/dangling"));
  ASSERT_TRUE(SealBelow(dir.Below("tree")).ok());
  EXPECT_EQ(ModeOf(dir.Below("outside")), 0700u);
  EXPECT_EQ(ModeOf(dir.Below("outside/f")), 0600u);
}

TEST(SealTest, WhatIsNotThereFailsByName) {
  TempDir dir;
  EXPECT_NE(SealBelow(dir.Below("x")).message().find(dir.Below("x")),
            absl::string_view::npos);
  EXPECT_FALSE(SealTop(dir.Below("x")).ok());
  EXPECT_FALSE(SealFile(dir.Below("x")).ok());
}

}  // namespace
}  // namespace hubd
