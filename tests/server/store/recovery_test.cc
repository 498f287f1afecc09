#include "server/store/recovery.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <set>
#include <string>

#include "server/base/clock.h"
#include "server/base/fs.h"
#include "server/store/record.h"
#include "server/store/store.h"
#include "tests/server/base/temp_dir.h"
#include "tests/server/store/sample_objects.h"

namespace hubd {
namespace {

// A root with one object of each kind, closed; tests damage it and open it.
class RecoveryTest : public testing::Test {
 protected:
  RecoveryTest() : layout_(dir_.path()) {
    auto store = Open();
    auto file = *store->StageFile();
    checkpoint_ = *store->PublishCheckpoint(std::move(file.staging),
                                            SampleCheckpoint(layout_, 1));
    tree_ =
        *store->PublishTree(*store->StageDirectory(), SampleTree(layout_, 1));
    unpacked_ = *store->PublishUnpacked(*store->StageDirectory(),
                                        SampleUnpacked(layout_, 1));
    HUBD_CHECK(store->PublishRefs(SampleRefs(2)).ok());
  }

  std::unique_ptr<Store> Open() {
    absl::StatusOr<std::unique_ptr<Store>> store =
        Store::Open({dir_.path(), ""}, clock_);
    EXPECT_TRUE(store.ok()) << store.status();
    return *std::move(store);
  }

  void ExpectAllThere(Store& store) {
    EXPECT_TRUE(*store.FindTree(tree_.key) == tree_);
    EXPECT_TRUE(*store.FindCheckpoint("shared", checkpoint_.url) ==
                checkpoint_);
    EXPECT_TRUE(*store.FindUnpacked(unpacked_.sha256) == unpacked_);
    EXPECT_TRUE(*store.catalog().LookupRefs("shared", kSampleRepo) ==
                SampleRefs(2));
  }

  bool Exists(const std::string& path) { return std::filesystem::exists(path); }

  std::string TreeRecord() { return layout_.TreeRecord(tree_.key); }

  TempDir dir_;
  Layout layout_;
  RealClock clock_;
  TreeObject tree_;
  CheckpointObject checkpoint_;
  UnpackedObject unpacked_;
};

TEST_F(RecoveryTest, AWholeRootStaysAsItIs) { ExpectAllThere(*Open()); }

TEST_F(RecoveryTest, AMissingIndexIsMadeAgainFromTheRecords) {
  for (const char* suffix : {"", "-wal", "-shm"}) {
    ASSERT_TRUE(RemoveAll(layout_.index() + suffix).ok());
  }
  ExpectAllThere(*Open());
}

TEST_F(RecoveryTest, TheRecordDecidesWhereTheRowSaysOtherwise) {
  // As after a crash between the record's rename and the row.
  {
    auto store = Open();
    CheckpointObject old = checkpoint_;
    old.etag = "older";
    ASSERT_TRUE(store->catalog().PutCheckpoint(old).ok());
  }
  ExpectAllThere(*Open());
}

TEST_F(RecoveryTest, ObjectsThatNoRecordNamesGoWithTheirRows) {
  ASSERT_TRUE(RemoveAll(TreeRecord()).ok());
  ASSERT_TRUE(
      RemoveAll(layout_.CheckpointRecord("shared", checkpoint_.url)).ok());
  ASSERT_TRUE(RemoveAll(layout_.UnpackedRecord(unpacked_.sha256)).ok());
  auto store = Open();
  for (const std::string& path :
       {layout_.trees(), layout_.blobs(), layout_.unpacked()}) {
    EXPECT_TRUE(ListDirectory(path)->empty()) << path;
  }
  EXPECT_TRUE(store->catalog().ListTrees(0, "")->objects.empty());
  EXPECT_TRUE(store->catalog().ListCheckpoints(0, "")->objects.empty());
  EXPECT_TRUE(store->catalog().ListUnpacked(0, "")->objects.empty());
}

TEST_F(RecoveryTest, RecordsAndRowsWhoseObjectIsGoneGo) {
  ASSERT_TRUE(RemoveAll(tree_.path).ok());
  auto store = Open();
  EXPECT_FALSE(Exists(TreeRecord()));
  EXPECT_EQ(*store->catalog().LookupTree(tree_.key), std::nullopt);
}

TEST_F(RecoveryTest, ARecordThatCannotBeReadKeepsItsObject) {
  ASSERT_TRUE(WriteFileDurably(TreeRecord(), "{\"comm", 0600).ok());
  ExpectAllThere(*Open());
  EXPECT_EQ(*ReadFile(TreeRecord()), "{\"comm");
}

TEST_F(RecoveryTest, ARecordUnderAnothersNameGivesNoRow) {
  TreeObject other = SampleTree(layout_, 2);
  ASSERT_TRUE(WriteFileDurably(TreeRecord(), EncodeRecord(other), 0600).ok());
  auto store = Open();
  EXPECT_EQ(*store->catalog().LookupTree(other.key), std::nullopt);
  ExpectAllThere(*store);
}

TEST_F(RecoveryTest, WhatCannotBeLookedAtStays) {
  // Root looks everywhere; for everyone else this is as good as a bad disk.
  const std::string host = layout_.trees() + "/" + kSampleRepo.host;
  ASSERT_EQ(::chmod(host.c_str(), 0), 0);
  Open();
  ASSERT_EQ(::chmod(host.c_str(), 0755), 0);
  ExpectAllThere(*Open());
}

TEST_F(RecoveryTest, HalfWrittenFilesAndStagedOnesGo) {
  const std::string staged = layout_.tmp() + "/7";
  ASSERT_TRUE(MakeDirectories(staged + "/a", 0700).ok());
  for (const std::string& path :
       {TreeRecord() + ".1.0.tmp", layout_.address() + ".1.0.tmp",
        staged + "/a/f", layout_.trees() + "/stray",
        layout_.blobs() + "/stray"}) {
    ASSERT_TRUE(WriteFileDurably(path, "x", 0600).ok());
  }
  ExpectAllThere(*Open());
  EXPECT_TRUE(ListDirectory(layout_.tmp())->empty());
  EXPECT_EQ(ListDirectory(layout_.tree_records())->size(), 1u);
  EXPECT_FALSE(Exists(layout_.address() + ".1.0.tmp"));
  EXPECT_FALSE(Exists(layout_.trees() + "/stray"));
  EXPECT_FALSE(Exists(layout_.blobs() + "/stray"));
}

TEST_F(RecoveryTest, HundredsOfObjectsAreAllFoundAgain) {
  const int count = 600;  // More than one page of rows.
  {
    auto store = Open();
    for (int i = 0; i < count; ++i) {
      CheckpointObject other = checkpoint_;
      other.url += std::to_string(i);
      HUBD_CHECK(
          WriteFileDurably(layout_.CheckpointRecord(other.domain, other.url),
                           EncodeRecord(other), 0600)
              .ok());
      // Every second one has its row already.
      if (i % 2 == 0) HUBD_CHECK(store->catalog().PutCheckpoint(other).ok());
    }
  }
  auto store = Open();
  for (int i = 0; i < count; ++i) {
    std::string url = checkpoint_.url + std::to_string(i);
    EXPECT_TRUE(store->FindCheckpoint("shared", url)->has_value());
  }
}

}  // namespace
}  // namespace hubd
