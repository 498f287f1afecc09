#include "server/store/recovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <set>
#include <string>

#include "server/base/clock.h"
#include "server/base/crc32c.h"
#include "server/base/fs.h"
#include "server/store/partial.h"
#include "server/store/record.h"
#include "server/store/sqlite.h"
#include "server/store/store.h"
#include "tests/server/base/temp_dir.h"
#include "tests/server/store/sample_objects.h"

namespace hubd {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// A root with one object of each kind, closed; tests damage it and open it.
class RecoveryTest : public testing::Test {
 protected:
  RecoveryTest() : layout_(dir_.path()) {
    auto store = Open();
    auto file = *store->StageFile();
    HUBD_CHECK(::ftruncate(file.fd.get(),
                           SampleCheckpoint(layout_, 1).size_bytes) == 0);
    checkpoint_ = *store->PublishCheckpoint(std::move(file.staging),
                                            SampleCheckpoint(layout_, 1));
    tree_ =
        *store->PublishTree(*store->StageDirectory(), SampleTree(layout_, 1));
    unpacked_ = *store->PublishUnpacked(*store->StageDirectory(),
                                        SampleUnpacked(layout_, 1));
    HUBD_CHECK(store->PublishRefs(SampleRefs(2)).ok());
    HUBD_CHECK(store->catalog().AddTrust({7, kSampleRepo, "", {}}).ok());
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
    EXPECT_TRUE(**store.catalog().LookupRefs("shared", kSampleRepo) ==
                SampleRefs(2));
  }

  bool IsTrusted(Store& store) {
    return store.catalog().LookupTrust(7, kSampleRepo, "")->has_value();
  }

  // The names of the indexes that were set aside.
  std::set<std::string> Aside() {
    std::set<std::string> names;
    std::vector<std::string> all = *ListDirectory(layout_.store());
    for (const std::string& name : all) {
      if (name.find(".broken-") != std::string::npos) names.insert(name);
    }
    return names;
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
  auto store = Open();
  ExpectAllThere(*store);
  EXPECT_FALSE(IsTrusted(*store));
  EXPECT_THAT(Aside(), IsEmpty());
}

TEST_F(RecoveryTest, AnEmptyIndexIsMadeAgainFromTheRecordsAndNotKept) {
  ASSERT_EQ(::truncate(layout_.index().c_str(), 0), 0);
  auto store = Open();
  ExpectAllThere(*store);
  EXPECT_FALSE(IsTrusted(*store));
  EXPECT_THAT(Aside(), IsEmpty());
}

// What may become of the bytes of an index. Pages have 4096 bytes.
struct Damage {
  const char* name;
  std::function<void(std::string& bytes)> apply;
};

class BrokenIndexTest : public RecoveryTest,
                        public testing::WithParamInterface<Damage> {};

TEST_P(BrokenIndexTest, IsSetAsideAndMadeAgainFromTheRecords) {
  std::string bytes = *ReadFile(layout_.index());
  GetParam().apply(bytes);
  ASSERT_TRUE(WriteFileDurably(layout_.index(), bytes, 0600).ok());
  auto store = Open();
  ExpectAllThere(*store);
  EXPECT_FALSE(IsTrusted(*store));
  ASSERT_THAT(Aside(), SizeIs(1));
  EXPECT_EQ(*ReadFile(layout_.store() + "/" + *Aside().begin()), bytes);
  EXPECT_TRUE(store->catalog().CheckSound().ok());
  store.reset();
  ExpectAllThere(*Open());
  EXPECT_THAT(Aside(), SizeIs(1));
}

INSTANTIATE_TEST_SUITE_P(
    All, BrokenIndexTest,
    testing::Values(
        Damage{"CutInTheHeader", [](std::string& bytes) { bytes.resize(50); }},
        Damage{"CutInTheFirstPage",
               [](std::string& bytes) { bytes.resize(1000); }},
        Damage{"CutAfterTheFirstPage",
               [](std::string& bytes) { bytes.resize(4096); }},
        Damage{"CutInAPage",
               [](std::string& bytes) { bytes.resize(5 * 4096 - 1000); }},
        Damage{"Garbage",
               [](std::string& bytes) { bytes.assign(bytes.size(), 'x'); }},
        Damage{"GarbageAfterTheHeader",
               [](std::string& bytes) {
                 bytes.replace(100, std::string::npos, bytes.size() - 100, 'x');
               }},
        Damage{"APageFlipped",
               [](std::string& bytes) {
                 for (size_t i = 4096; i < 8192; ++i) bytes[i] ^= 0x55;
               }},
        Damage{"APageZeroed",
               [](std::string& bytes) { bytes.replace(8192, 4096, 4096, 0); }}),
    [](const auto& info) { return info.param.name; });

TEST_F(RecoveryTest, AnotherProgramsDatabaseIsSetAside) {
  for (const char* table :
       {"CREATE TABLE tree (x)", "CREATE TABLE other (x)"}) {
    for (const char* suffix : {"", "-wal", "-shm"}) {
      ASSERT_TRUE(RemoveAll(layout_.index() + suffix).ok());
    }
    {
      auto database =
          *Database::Open(layout_.index(), Database::Mode::kReadWriteCreate);
      ASSERT_TRUE(database->Execute(table).ok());
      ASSERT_TRUE(database->Execute("PRAGMA user_version = 1").ok());
    }
    ExpectAllThere(*Open());
  }
  EXPECT_THAT(Aside(), SizeIs(2));
}

TEST_F(RecoveryTest, AnIndexWithoutATableIsSetAside) {
  for (const char* table : {"job_result", "trust"}) {
    {
      auto database =
          *Database::Open(layout_.index(), Database::Mode::kReadWriteCreate);
      ASSERT_TRUE(database->Execute(std::string("DROP TABLE ") + table).ok());
    }
    auto store = Open();
    ExpectAllThere(*store);
    EXPECT_TRUE(store->catalog().LookupJobResult(1, "k").ok());
  }
  EXPECT_THAT(Aside(), SizeIs(2));
}

TEST_F(RecoveryTest, TheLogOfAnIndexIsSetAsideWithIt) {
  ASSERT_TRUE(RemoveAll(layout_.index()).ok());
  ASSERT_TRUE(WriteFileDurably(layout_.index() + "-wal", "log", 0600).ok());
  ExpectAllThere(*Open());
  ASSERT_THAT(Aside(), SizeIs(1));
  EXPECT_THAT(*Aside().begin(), testing::EndsWith("-wal"));
}

TEST_F(RecoveryTest, GarbageBesideTheIndexIsOfNoEffect) {
  for (const char* suffix : {"-wal", "-shm", "-journal"}) {
    ASSERT_TRUE(WriteFileDurably(layout_.index() + suffix,
                                 std::string(40000, 'x'), 0600)
                    .ok());
  }
  auto store = Open();
  ExpectAllThere(*store);
  EXPECT_TRUE(IsTrusted(*store));
  EXPECT_THAT(Aside(), IsEmpty());
}

TEST_F(RecoveryTest, TheLogOfAnotherIndexLosesNoObject) {
  TempDir other_dir;
  const Layout other(other_dir.path());
  {
    auto other_store = *Store::Open({other.root(), ""}, clock_);
    HUBD_CHECK(other_store->PublishRefs(SampleRefs(2)).ok());
    std::filesystem::copy_file(other.index() + "-wal",
                               layout_.index() + "-wal");
  }
  ExpectAllThere(*Open());
}

TEST_F(RecoveryTest, AnIndexOfANewerHubdIsRefusedAndStays) {
  {
    auto database =
        *Database::Open(layout_.index(), Database::Mode::kReadWriteCreate);
    ASSERT_TRUE(database->Execute("PRAGMA user_version = 41").ok());
    ASSERT_TRUE(database
                    ->Execute("INSERT INTO trust (uid, host, owner, name,"
                              " hub_dir, created_at) VALUES (1, '', '', '',"
                              " printf('%.*c', 100000, 'x'), 1)")
                    .ok());
  }
  // Damaged too, in the middle of a row: that is for the newer one to see.
  std::string bytes = *ReadFile(layout_.index());
  bytes.resize(bytes.size() - 1000);
  ASSERT_TRUE(WriteFileDurably(layout_.index(), bytes, 0600).ok());
  absl::Status status = Store::Open({dir_.path(), ""}, clock_).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_EQ(*ReadFile(layout_.index()), bytes);
  EXPECT_THAT(Aside(), IsEmpty());
}

TEST_F(RecoveryTest, AnIndexThatCannotBeReadIsRefusedAndStays) {
  // A directory: that fails for root too.
  ASSERT_TRUE(RemoveAll(layout_.index()).ok());
  ASSERT_TRUE(MakeDirectories(layout_.index() + "/x", 0700).ok());
  absl::Status status = Store::Open({dir_.path(), ""}, clock_).status();
  EXPECT_NE(status.message().find(layout_.index()), absl::string_view::npos)
      << status;
  EXPECT_TRUE(Exists(layout_.index() + "/x"));
  EXPECT_THAT(Aside(), IsEmpty());
}

TEST_F(RecoveryTest, AnIndexThatLooksDamagedOnABadDiskStays) {
  ASSERT_TRUE(RemoveAll(layout_.index()).ok());
  // Looks empty to stat; nothing is mapped at address 0, so a read is EIO.
  ASSERT_EQ(::symlink("/proc/self/mem", layout_.index().c_str()), 0);
  absl::Status status = Store::Open({dir_.path(), ""}, clock_).status();
  EXPECT_TRUE(absl::IsInternal(status)) << status;
  EXPECT_THAT(status.message(), testing::HasSubstr(layout_.index()));
  EXPECT_TRUE(std::filesystem::is_symlink(layout_.index()));
  EXPECT_THAT(Aside(), IsEmpty());
}

TEST_F(RecoveryTest, DamageThatIsFirstSeenWhileServingIsSaid) {
  auto store = Open();
  EXPECT_TRUE(store->catalog().CheckSound().ok());
  ASSERT_EQ(::truncate(layout_.index().c_str(), 4096), 0);
  // A reader of its own, which has no page in memory.
  absl::Status status = store->catalog().ListTrees(0, "").status();
  if (status.ok()) {
    status = store->catalog().PutRefs(SampleRefs(3000));
  }
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  // What it says is for the log: which file, why, and what will be done.
  EXPECT_EQ(store->catalog().CheckSound(), status);
  for (const std::string& word :
       {layout_.index(), std::string("malformed"), std::string("anew")}) {
    EXPECT_THAT(status.message(), testing::HasSubstr(word));
  }
  store.reset();
  ExpectAllThere(*Open());
}

TEST_F(RecoveryTest, AnIndexThatIsRemovedWhileServingIsNoticed) {
  auto store = Open();
  ASSERT_TRUE(RemoveAll(layout_.index()).ok());
  absl::Status sound = store->catalog().CheckSound();
  EXPECT_TRUE(absl::IsDataLoss(sound)) << sound;
  EXPECT_THAT(sound.message(), testing::HasSubstr(layout_.index()));
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

TEST_F(RecoveryTest, WithoutARowAGarbledRecordsObjectGoes) {
  ASSERT_TRUE(RemoveAll(layout_.index()).ok());
  ASSERT_TRUE(WriteFileDurably(TreeRecord(), "{\"comm", 0600).ok());
  auto store = Open();
  EXPECT_EQ(*store->FindTree(tree_.key), std::nullopt);
  EXPECT_FALSE(Exists(tree_.path));
  EXPECT_TRUE(store->FindCheckpoint("shared", checkpoint_.url)->has_value());
}

TEST_F(RecoveryTest, ARecordThatCannotBeReadAtThisTimeKeepsItsObjectToo) {
  ASSERT_TRUE(RemoveAll(layout_.index()).ok());
  const std::string record = *ReadFile(TreeRecord());
  // Longer than a record may be: that fails for root too.
  ASSERT_EQ(::truncate(TreeRecord().c_str(), 300 << 20), 0);
  EXPECT_EQ(*Open()->FindTree(tree_.key), std::nullopt);
  ASSERT_TRUE(WriteFileDurably(TreeRecord(), record, 0600).ok());
  ExpectAllThere(*Open());
}

TEST_F(RecoveryTest, WhatIsNoFileIsNoRecord) {
  for (const std::string& path :
       {TreeRecord() + "a", layout_.ref_records() + "/a",
        layout_.unpacked_records() + "/a"}) {
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  }
  ExpectAllThere(*Open());
  EXPECT_FALSE(Exists(TreeRecord() + "a"));
  EXPECT_FALSE(Exists(layout_.ref_records() + "/a"));
}

TEST_F(RecoveryTest, AnObjectThatIsNotAsItsRecordSaysGoes) {
  ASSERT_EQ(::truncate(checkpoint_.path.c_str(), 1), 0);
  auto store = Open();
  EXPECT_EQ(*store->FindCheckpoint("shared", checkpoint_.url), std::nullopt);
  EXPECT_FALSE(Exists(checkpoint_.path));
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

TEST_F(RecoveryTest, WhatADownloadLeftStaysAndNothingElseBesideIt) {
  const std::string url = "https://h/half";
  const std::string partial = layout_.Partial("shared", url, url);
  const Ledger ledger = {url, "v", 2, 1, {{0, ExtendCrc32c(0, "x")}}};
  {
    auto store = Open();
    absl::StatusOr<Partial> opened = store->OpenPartial(url, url, {});
    ASSERT_TRUE(opened.ok()) << opened.status();
    ASSERT_TRUE(WriteAll(opened->fd(), "x").ok());
    ASSERT_TRUE(opened->Save(ledger).ok());
  }
  for (const std::string& path :
       {partial + "/ledger.1.0.tmp", layout_.partials() + "/stray",
        layout_.partials() + "/a.1.0.tmp"}) {
    ASSERT_TRUE(WriteFileDurably(path, "x", 0600).ok());
  }
  ASSERT_EQ(::symlink("/", (layout_.partials() + "/link").c_str()), 0);
  auto store = Open();
  ExpectAllThere(*store);
  EXPECT_THAT(*ListDirectory(layout_.partials()), SizeIs(1));
  EXPECT_THAT(*ListDirectory(partial), ElementsAre("data", "ledger"));
  EXPECT_EQ(store->OpenPartial(url, url, {})->ledger(), ledger);
}

TEST_F(RecoveryTest, APartialWhoseDataWasPublishedGoes) {
  const std::string url = "https://h/whole";
  const std::string partial = layout_.Partial("shared", url, url);
  ASSERT_TRUE(MakeDirectories(partial, 0700).ok());
  const Ledger ledger = {url, "v", 1, 1, {{0, ExtendCrc32c(0, "x")}}};
  ASSERT_TRUE(
      WriteFileDurably(partial + "/ledger", EncodeLedger(ledger), 0600).ok());
  ExpectAllThere(*Open());
  EXPECT_THAT(*ListDirectory(layout_.partials()), IsEmpty());
}

// The end came between the blob's rename and its record's.
TEST_F(RecoveryTest, ABlobThatWasNotRecordedGoesBackToItsPartial) {
  const std::string url = "https://h/whole";
  const std::string partial = layout_.Partial("shared", url, url);
  ASSERT_TRUE(MakeDirectories(partial, 0700).ok());
  const std::string bytes = "nobody else has so many bytes";
  const auto size = static_cast<int64_t>(bytes.size());
  const Ledger ledger = {url, "v", size, 64, {{0, ExtendCrc32c(0, bytes)}}};
  ASSERT_TRUE(
      WriteFileDurably(partial + "/ledger", EncodeLedger(ledger), 0600).ok());
  const std::string blob = layout_.Blob(Sha256Hex(bytes));
  ASSERT_TRUE(MakeDirectories(
                  layout_.blobs() + "/" + Sha256Hex(bytes).substr(0, 2), 0700)
                  .ok());
  ASSERT_TRUE(WriteFileDurably(blob, bytes, 0444).ok());
  ExpectAllThere(*Open());
  EXPECT_FALSE(Exists(blob));
  EXPECT_EQ(*ReadFile(partial + "/data"), bytes);
  EXPECT_EQ(Partial::Open(partial, url, {})->ledger(), ledger);
}

// Shards often have the same size.
TEST_F(RecoveryTest, EachPartialGetsItsOwnBlobBack) {
  for (const std::string bytes : {"the first of two", "the other of two"}) {
    const std::string partial = layout_.Partial("shared", bytes, bytes);
    const Ledger ledger = {bytes, "v", 16, 64, {{0, ExtendCrc32c(0, bytes)}}};
    const std::string blob = layout_.Blob(Sha256Hex(bytes));
    ASSERT_TRUE(MakeDirectories(partial, 0700).ok());
    ASSERT_TRUE(
        WriteFileDurably(partial + "/ledger", EncodeLedger(ledger), 0600).ok());
    ASSERT_TRUE(MakeDirectories(blob.substr(0, blob.rfind('/')), 0700).ok());
    ASSERT_TRUE(WriteFileDurably(blob, bytes, 0444).ok());
  }
  ExpectAllThere(*Open());
  for (const std::string bytes : {"the first of two", "the other of two"}) {
    EXPECT_EQ(*ReadFile(layout_.Partial("shared", bytes, bytes) + "/data"),
              bytes);
  }
}

// Its blob was not looked for.
TEST_F(RecoveryTest, WithARecordThatCannotBeReadAPartialWaitsForItsBlob) {
  const std::string url = "https://h/whole";
  const std::string partial = layout_.Partial("shared", url, url);
  ASSERT_TRUE(MakeDirectories(partial, 0700).ok());
  const Ledger ledger = {url, "v", 5, 64, {{0, ExtendCrc32c(0, "whole")}}};
  ASSERT_TRUE(
      WriteFileDurably(partial + "/ledger", EncodeLedger(ledger), 0600).ok());
  const std::string other = layout_.CheckpointRecord("shared", "https://h/o");
  ASSERT_TRUE(WriteFileDurably(other, "", 0600).ok());
  // Longer than a record may be: that fails for root too.
  ASSERT_EQ(::truncate(other.c_str(), 300 << 20), 0);
  (void)Open();
  EXPECT_TRUE(Exists(partial + "/ledger"));
  ASSERT_TRUE(RemoveAll(other).ok());
  (void)Open();
  EXPECT_FALSE(Exists(partial));
}

TEST_F(RecoveryTest, ARootOfBeforePartialsGetsTheirFolder) {
  ASSERT_TRUE(RemoveAll(layout_.partials()).ok());
  ExpectAllThere(*Open());
  EXPECT_TRUE(Exists(layout_.partials()));
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
