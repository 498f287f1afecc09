#include "server/store/store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/clock.h"
#include "server/base/crc32c.h"
#include "server/base/fs.h"
#include "server/base/local_disk.h"
#include "server/base/status.h"
#include "server/store/holder.h"
#include "server/store/lease.h"
#include "server/store/record.h"
#include "server/store/tree_digest.h"
#include "tests/server/base/memory_answers.h"
#include "tests/server/base/temp_dir.h"
#include "tests/server/store/sample_objects.h"

static bool reads_fail = false;

// In place of libc's.
extern "C" ssize_t pread(int fd, void* buffer, size_t count, off_t offset) {
  if (!reads_fail) return ::syscall(SYS_pread64, fd, buffer, count, offset);
  errno = EIO;
  return -1;
}

namespace hubd {
namespace {

// Stands still at a time that has parts of a microsecond.
class FixedClock final : public Clock {
 public:
  absl::Time Now() const override {
    return SampleTime(0) + absl::Nanoseconds(789);
  }
};

mode_t ModeOf(const std::string& path) {
  struct stat info;
  EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 07777;
}

class StoreTest : public testing::Test {
 protected:
  StoreTest() : layout_(dir_.Below("root")), store_(*Open()) {}

  absl::StatusOr<std::unique_ptr<Store>> Open() {
    return Store::Open({layout_.root(), "/s"}, clock_);
  }

  CheckpointObject Publish(const std::string& bytes, const std::string& url) {
    auto file = *store_->StageFile();
    HUBD_CHECK(WriteAll(file.fd.get(), bytes).ok());
    CheckpointObject checkpoint = SampleCheckpoint(layout_, 1);
    checkpoint.sha256 = Sha256Hex(bytes);
    checkpoint.size_bytes = bytes.size();
    checkpoint.url = url;
    return *store_->PublishCheckpoint(std::move(file.staging), checkpoint);
  }

  Staging StageTree(const std::string& bytes) {
    Staging staging = *store_->StageDirectory();
    HUBD_CHECK(WriteFileDurably(staging.path() + "/f", bytes, 0644).ok());
    return staging;
  }

  TempDir dir_;
  Layout layout_;
  FixedClock clock_;
  std::unique_ptr<Store> store_;
};

TEST_F(StoreTest, AFreshRootIsForItsOwnerAndTaggedAsACache) {
  EXPECT_EQ(ModeOf(layout_.root()), 0700u);
  EXPECT_EQ(*ReadFile(layout_.version()), "1\n");
  EXPECT_EQ(ReadFile(layout_.cachedir_tag())->substr(0, 43),
            "Signature: 8a477f597d28d172789f06886806bc55");
  EXPECT_EQ(ModeOf(layout_.lock()), 0600u);
}

TEST_F(StoreTest, ACheckpointIsPublishedReadOnlyWithRecordAndRow) {
  CheckpointObject published = Publish("bytes", "https://h/x");
  EXPECT_EQ(published.path, layout_.Blob(Sha256Hex("bytes")));
  EXPECT_EQ(published.created_at, SampleTime(0));
  EXPECT_EQ(*ReadFile(published.path), "bytes");
  EXPECT_EQ(ModeOf(published.path), 0444u);
  EXPECT_TRUE(*store_->FindCheckpoint("shared", "https://h/x") == published);
  EXPECT_TRUE(store_->HasBlob(Sha256Hex("bytes")));
  std::string record =
      *ReadFile(layout_.CheckpointRecord("shared", "https://h/x"));
  EXPECT_EQ(DecodeRecord<CheckpointObject>(record)->sha256, published.sha256);
}

TEST_F(StoreTest, BytesThatAreStoredAreNotStoredAgain) {
  struct stat first;
  struct stat second;
  ASSERT_EQ(::stat(Publish("bytes", "https://h/x").path.c_str(), &first), 0);
  ASSERT_EQ(::stat(Publish("bytes", "https://h/y").path.c_str(), &second), 0);
  EXPECT_EQ(first.st_ino, second.st_ino);
  EXPECT_TRUE(ListDirectory(layout_.tmp())->empty());
}

TEST_F(StoreTest, AnotherUrlForStoredBytesNeedsTheBytes) {
  CheckpointObject checkpoint = Publish("bytes", "https://h/x");
  checkpoint.etag = "fresh";
  ASSERT_TRUE(store_->RecordCheckpoint(checkpoint).ok());
  EXPECT_EQ((*store_->FindCheckpoint("shared", "https://h/x"))->etag, "fresh");
  checkpoint.sha256 = Sha256Hex("others");
  EXPECT_TRUE(absl::IsNotFound(store_->RecordCheckpoint(checkpoint).status()));
}

TEST_F(StoreTest, APartialIsTakenUpAndPublished) {
  const std::string url = "https://h/x";
  const std::string path = layout_.Partial("shared", url, url);
  const Ledger ledger = {url, "v", 5, 3, {{0, ExtendCrc32c(0, "byt")}}};
  {
    Partial begun = *store_->OpenPartial(url, url, {});
    ASSERT_TRUE(WriteAll(begun.fd(), "byt").ok());
    ASSERT_TRUE(begun.Save(ledger).ok());
  }
  EXPECT_EQ(ModeOf(layout_.partials()), 0700u);
  Partial partial = *store_->OpenPartial(url, url, {});
  EXPECT_EQ(partial.directory(), path);
  EXPECT_EQ(partial.ledger(), ledger);
  ASSERT_EQ(::pwrite(partial.fd(), "es", 2, 3), 2);
  CheckpointObject checkpoint = SampleCheckpoint(layout_, 1);
  checkpoint.sha256 = Sha256Hex("bytes");
  checkpoint.size_bytes = 5;
  checkpoint.url = url;
  checkpoint = *store_->PublishPartial(std::move(partial), checkpoint);
  EXPECT_FALSE(IsThere(path));
  EXPECT_EQ(*ReadFile(checkpoint.path), "bytes");
  EXPECT_EQ(ModeOf(checkpoint.path), 0444u);
  EXPECT_TRUE(*store_->FindCheckpoint("shared", url) == checkpoint);
  EXPECT_TRUE(ListDirectory(layout_.tmp())->empty());
}

TEST_F(StoreTest, WhatIsPublishedCanBeLeasedAtOnce) {
  for (int i = 0; i < 50; ++i) {
    const std::string url = absl::StrCat("https://h/", i);
    CheckpointObject checkpoint = SampleCheckpoint(layout_, 1);
    checkpoint.sha256 = Sha256Hex(url);
    checkpoint.size_bytes = static_cast<int64_t>(url.size());
    checkpoint.url = url;
    Partial partial = *store_->OpenPartial(url, url, {});
    ASSERT_TRUE(WriteAll(partial.fd(), url).ok());
    std::jthread caller([&](const std::stop_token& stop) {
      while (!*store_->FindCheckpoint("shared", url) &&
             !stop.stop_requested()) {
      }
      const auto lease = TakeLease(layout_.Blob(checkpoint.sha256));
      EXPECT_TRUE(lease.ok()) << lease.status();
    });
    EXPECT_TRUE(store_->PublishPartial(std::move(partial), checkpoint).ok());
  }
}

TEST_F(StoreTest, WithoutARecordThePartialHasItsBytesBack) {
  const std::string url = "https://h/x";
  const std::string record = layout_.CheckpointRecord("shared", url);
  CheckpointObject checkpoint = SampleCheckpoint(layout_, 1);
  checkpoint.sha256 = Sha256Hex("bytes");
  checkpoint.size_bytes = 5;
  checkpoint.url = url;
  const std::string blob = layout_.Blob(checkpoint.sha256);
  const auto publish = [&] {
    Partial partial = *store_->OpenPartial(url, url, {});
    HUBD_CHECK(WriteAll(partial.fd(), "bytes").ok());
    HUBD_CHECK(
        partial.Save({url, "v", 5, 5, {{0, ExtendCrc32c(0, "bytes")}}}).ok());
    return store_->PublishPartial(std::move(partial), checkpoint).status();
  };
  const std::string away = layout_.checkpoint_records() + ".away";
  ASSERT_EQ(::rename(layout_.checkpoint_records().c_str(), away.c_str()), 0);
  EXPECT_FALSE(publish().ok());
  EXPECT_FALSE(IsThere(blob));
  {
    Partial partial = *store_->OpenPartial(url, url, {});
    EXPECT_TRUE(partial.ledger());
    EXPECT_EQ(*ReadFile(partial.data_path()), "bytes");
  }
  // What another URL gives stays.
  ASSERT_EQ(::rename(away.c_str(), layout_.checkpoint_records().c_str()), 0);
  Publish("bytes", "https://h/other");
  ASSERT_TRUE(MakeDirectories(record + "/x", 0700).ok());
  EXPECT_FALSE(publish().ok());
  EXPECT_EQ(*ReadFile(blob), "bytes");
  ASSERT_TRUE(RemoveAll(record).ok());
  EXPECT_TRUE(publish().ok());
}

TEST_F(StoreTest, PartialsOfLongAgoArePrunedByTheStoresClock) {
  for (int hours : {1, 3}) {
    const std::string url = "https://h/" + std::to_string(hours);
    ASSERT_TRUE(store_->OpenPartial(url, url, {}).ok());
    const timespec time = absl::ToTimespec(clock_.Now() - absl::Hours(hours));
    const timespec times[] = {time, time};
    const std::string data = layout_.Partial("shared", url, url) + "/data";
    ASSERT_EQ(::utimensat(AT_FDCWD, data.c_str(), times, 0), 0);
  }
  const int64_t both = *store_->UsageBytes();
  ASSERT_TRUE(store_->PrunePartials(absl::Hours(2)).ok());
  EXPECT_LE(*store_->UsageBytes(), both);
  EXPECT_TRUE(IsThere(layout_.Partial("shared", "https://h/1", "https://h/1")));
  EXPECT_FALSE(
      IsThere(layout_.Partial("shared", "https://h/3", "https://h/3")));
}

TEST_F(StoreTest, ATreeIsPublishedReadOnlyAndTheFirstOneStays) {
  TreeObject tree = SampleTree(layout_, 1);
  TreeObject first = *store_->PublishTree(StageTree("first"), tree);
  TreeObject second = *store_->PublishTree(StageTree("second"), tree);
  EXPECT_TRUE(first == second);
  EXPECT_TRUE(*store_->FindTree(tree.key) == first);
  EXPECT_EQ(*ReadFile(first.path + "/f"), "first");
  EXPECT_EQ(ModeOf(first.path), 0555u);
  EXPECT_EQ(ModeOf(first.path + "/f"), 0444u);
  EXPECT_TRUE(ListDirectory(layout_.tmp())->empty());
}

TEST_F(StoreTest, ATreeIsPublishedWithTheDigestOfWhatLiesThere) {
  TreeObject tree =
      *store_->PublishTree(StageTree("first"), SampleTree(layout_, 1));
  EXPECT_EQ(tree.digest, *TreeDigest(tree.path));
  EXPECT_EQ((*store_->FindTree(tree.key))->digest, tree.digest);
  std::string record = *ReadFile(layout_.TreeRecord(tree.key));
  EXPECT_EQ(DecodeRecord<TreeObject>(record)->digest, tree.digest);
}

TEST_F(StoreTest, AnUnpackedArchiveIsPublishedOnce) {
  UnpackedObject unpacked = SampleUnpacked(layout_, 1);
  UnpackedObject first = *store_->PublishUnpacked(StageTree("1"), unpacked);
  EXPECT_TRUE(*store_->PublishUnpacked(StageTree("2"), unpacked) == first);
  EXPECT_TRUE(*store_->FindUnpacked(unpacked.sha256) == first);
  EXPECT_EQ(first.members, unpacked.members);
  EXPECT_EQ(*ReadFile(first.path + "/f"), "1");
}

TEST_F(StoreTest, ATreeThatOnlyLacksItsRecordIsTakenAsItIs) {
  // As after a publish whose record could not be written.
  TreeObject tree = SampleTree(layout_, 1);
  tree = *store_->PublishTree(StageTree("first"), tree);
  ASSERT_TRUE(store_->catalog().RemoveTree(tree.key).ok());
  ASSERT_TRUE(RemoveAll(layout_.TreeRecord(tree.key)).ok());
  EXPECT_EQ(store_->PublishTree(StageTree("second"), tree)->digest,
            tree.digest);
  EXPECT_EQ(*ReadFile(tree.path + "/f"), "first");
  EXPECT_TRUE(store_->FindTree(tree.key)->has_value());
}

TEST_F(StoreTest, WhatIsGoneFromDiskIsNotFoundAndForgotten) {
  CheckpointObject checkpoint = Publish("bytes", "https://h/x");
  ASSERT_TRUE(RemoveAll(checkpoint.path).ok());
  EXPECT_EQ(*store_->FindCheckpoint("shared", "https://h/x"), std::nullopt);
  EXPECT_EQ(*store_->catalog().LookupCheckpoint("shared", "https://h/x"),
            std::nullopt);
  EXPECT_TRUE(ListDirectory(layout_.checkpoint_records())->empty());
  EXPECT_FALSE(store_->HasBlob(checkpoint.sha256));
}

TEST_F(StoreTest, WhatIsNotAsItsRecordSaysIsNotFoundAndPutAnew) {
  const std::string path = layout_.Blob(Sha256Hex("bytes"));
  const std::vector<std::function<bool()>> damages = {
      [&] { return ::truncate(path.c_str(), 4) == 0; },
      [&] {
        return ::unlink(path.c_str()) == 0 && ::mkdir(path.c_str(), 0700) == 0;
      },
      [&] {
        return ::unlink(path.c_str()) == 0 && ::mkfifo(path.c_str(), 0644) == 0;
      },
      [&] {
        return ::unlink(path.c_str()) == 0 &&
               ::symlink(layout_.version().c_str(), path.c_str()) == 0;
      }};
  for (const auto& damage : damages) {
    Publish("bytes", "https://h/x");
    ASSERT_TRUE(damage());
    EXPECT_EQ(*store_->FindCheckpoint("shared", "https://h/x"), std::nullopt);
    EXPECT_EQ(*ReadFile(Publish("bytes", "https://h/x").path), "bytes");
    EXPECT_TRUE(store_->FindCheckpoint("shared", "https://h/x")->has_value());
  }
  EXPECT_EQ(*ReadFile(layout_.version()), "1\n");
  EXPECT_TRUE(ListDirectory(layout_.tmp())->empty());
}

TEST_F(StoreTest, MemoryAnswersOnlyWhatIsWholeAndForgetsNothing) {
  const std::string url = "https://h/x";
  const TreeObject tree =
      *store_->PublishTree(StageTree("bytes"), SampleTree(layout_, 1));
  const CheckpointObject blob = Publish("bytes", url);
  EXPECT_EQ(store_->TreeInMemory(tree.key), std::nullopt);
  EXPECT_EQ(store_->CheckpointInMemory("shared", url), std::nullopt);
  ASSERT_TRUE(store_->FindTree(tree.key)->has_value());
  ASSERT_TRUE(store_->FindCheckpoint("shared", url)->has_value());
  if (!MemoryAnswers(layout_.store())) GTEST_SKIP();
  EXPECT_TRUE(store_->TreeInMemory(tree.key) == tree);
  EXPECT_TRUE(store_->CheckpointInMemory("shared", url) == blob);
  EXPECT_TRUE(store_->IsVerifiedInMemory(blob));
  ASSERT_EQ(::chmod(blob.path.c_str(), 0644), 0);
  EXPECT_FALSE(store_->IsVerifiedInMemory(blob));
  ASSERT_EQ(::truncate(blob.path.c_str(), 1), 0);
  EXPECT_EQ(store_->CheckpointInMemory("shared", url), std::nullopt);
  ASSERT_TRUE(RemoveAll(tree.path).ok());
  EXPECT_EQ(store_->TreeInMemory(tree.key), std::nullopt);
  EXPECT_TRUE(IsThere(layout_.TreeRecord(tree.key)));
}

TEST_F(StoreTest, AFlippedByteIsFoundByVerifyAndTheBlobGoes) {
  CheckpointObject blob = Publish("bytes", "https://h/x");
  EXPECT_TRUE(store_->IsVerified(blob));
  ASSERT_EQ(::chmod(blob.path.c_str(), 0644), 0);
  EXPECT_FALSE(store_->IsVerified(blob));
  ASSERT_TRUE(store_->Verify(blob, {}).ok());
  EXPECT_TRUE(store_->IsVerified(blob));
  ASSERT_TRUE(WriteFileDurably(blob.path, "bYtes", 0444).ok());
  EXPECT_FALSE(store_->IsVerified(blob));
  absl::Status status = store_->Verify(blob, {});
  EXPECT_EQ(ReasonOf(status), Reason::kDigestMismatch);
  EXPECT_EQ(MetadataOf(status)["actual"], Sha256Hex("bYtes"));
  EXPECT_EQ(*store_->FindCheckpoint("shared", "https://h/x"), std::nullopt);
  EXPECT_TRUE(ListDirectory(layout_.tmp())->empty());
}

TEST_F(StoreTest, ABlobThatAnotherLookRemovedIsNotFoundByVerify) {
  CheckpointObject blob = Publish("bytes", "https://h/x");
  ASSERT_TRUE(WriteFileDurably(blob.path, "bYtes", 0444).ok());
  EXPECT_EQ(ReasonOf(store_->Verify(blob, {})), Reason::kDigestMismatch);
  absl::Status status = store_->Verify(blob, {});
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
}

TEST_F(StoreTest, ProvenBytesTakeThePlaceOfThoseThatMayHaveChanged) {
  const std::string path = Publish("bytes", "https://h/x").path;
  ASSERT_TRUE(WriteFileDurably(path, "bYtes", 0444).ok());
  EXPECT_EQ(*ReadFile(Publish("bytes", "https://h/y").path), "bytes");
}

TEST_F(StoreTest, VerifyStopsWhenTold) {
  CheckpointObject blob = Publish("bytes", "https://h/x");
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(
      absl::IsCancelled(store_->Verify(blob, {.stop = stop.get_token()})));
  EXPECT_TRUE(store_->HasBlob(blob.sha256));
}

TEST_F(StoreTest, AChangedTreeIsFoundByVerifyGoesAndIsPutAnew) {
  TreeObject tree =
      *store_->PublishTree(StageTree("bytes"), SampleTree(layout_, 1));
  EXPECT_TRUE(store_->VerifyTree(tree, {}).ok());
  ASSERT_EQ(::chmod((tree.path + "/f").c_str(), 0555), 0);
  const absl::Status damaged = store_->VerifyTree(tree, {});
  EXPECT_EQ(ReasonOf(damaged), Reason::kDigestMismatch);
  EXPECT_EQ(MetadataOf(damaged)["commit"], tree.key.commit);
  EXPECT_EQ(*store_->FindTree(tree.key), std::nullopt);
  EXPECT_FALSE(IsThere(layout_.TreeRecord(tree.key)));
  EXPECT_TRUE(ListDirectory(layout_.tmp())->empty());
  EXPECT_TRUE(absl::IsNotFound(store_->VerifyTree(tree, {})));
  tree = *store_->PublishTree(StageTree("bytes"), tree);
  EXPECT_TRUE(store_->VerifyTree(tree, {}).ok());
}

TEST_F(StoreTest, WhatALocalDiskCannotReadIsDamagedAndGoes) {
  if (!IsOnLocalDisk(layout_.store())) GTEST_SKIP() << "it is a server's";
  const CheckpointObject blob = Publish("bytes", "https://h/x");
  const TreeObject tree =
      *store_->PublishTree(StageTree("bytes"), SampleTree(layout_, 1));
  TreeObject older =
      *store_->PublishTree(StageTree("others"), SampleTree(layout_, 2));
  older.digest.clear();
  reads_fail = true;
  const std::vector<absl::Status> found = {store_->Verify(blob),
                                           store_->VerifyTree(tree),
                                           store_->VerifyTree(older)};
  reads_fail = false;
  for (const absl::Status& status : found) {
    EXPECT_EQ(ReasonOf(status), Reason::kDigestMismatch) << status;
  }
  EXPECT_FALSE(store_->HasBlob(blob.sha256));
  EXPECT_EQ(*store_->FindTree(tree.key), std::nullopt);
  EXPECT_EQ(*store_->FindTree(older.key), std::nullopt);
}

TEST_F(StoreTest, VerifyGivesATreeOfAnOlderHubdItsDigest) {
  TreeObject tree =
      *store_->PublishTree(StageTree("bytes"), SampleTree(layout_, 1));
  const std::string digest = std::exchange(tree.digest, "");
  ASSERT_TRUE(store_->VerifyTree(tree, {}).ok());
  EXPECT_EQ((*store_->FindTree(tree.key))->digest, digest);
  EXPECT_EQ(
      DecodeRecord<TreeObject>(*ReadFile(layout_.TreeRecord(tree.key)))->digest,
      digest);
}

TEST_F(StoreTest, ATreeThatIsNoDirectoryIsNotFoundAndPutAnew) {
  TreeObject tree =
      *store_->PublishTree(StageTree("first"), SampleTree(layout_, 1));
  ASSERT_TRUE(RemoveAll(tree.path).ok());
  ASSERT_TRUE(WriteFileDurably(tree.path, "no tree", 0644).ok());
  EXPECT_EQ(*store_->FindTree(tree.key), std::nullopt);
  ASSERT_TRUE(store_->PublishTree(StageTree("second"), tree).ok());
  EXPECT_EQ(*ReadFile(tree.path + "/f"), "second");
}

TEST_F(StoreTest, RefsHaveRecordAndRow) {
  ASSERT_TRUE(store_->PublishRefs(SampleRefs(3)).ok());
  EXPECT_TRUE(**store_->catalog().LookupRefs("shared", kSampleRepo) ==
              SampleRefs(3));
  EXPECT_TRUE(ReadFile(layout_.RefRecord("shared", kSampleRepo)).ok());
}

TEST_F(StoreTest, ManyThreadsPublishTheSameAndOthersAtOnce) {
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([this, t] {
        for (int i = 0; i < 10; ++i) {
          Publish("same", "https://h/" + std::to_string(t));
          Publish(std::to_string(t * 100 + i), "https://h/own");
          TreeObject tree = SampleTree(layout_, i);
          EXPECT_TRUE(store_->PublishTree(StageTree("x"), tree).ok());
        }
      });
    }
  }
  EXPECT_EQ(store_->catalog().ListTrees(0, "")->objects.size(), 10u);
  EXPECT_EQ(store_->catalog().ListCheckpoints(0, "")->objects.size(), 5u);
  EXPECT_TRUE(ListDirectory(layout_.tmp())->empty());
}

TEST_F(StoreTest, AStagedThingThatIsNotPublishedGoes) {
  std::string path = StageTree("x").path();
  EXPECT_FALSE(std::filesystem::exists(path));
  {
    auto file = *store_->StageFile();
  }
  EXPECT_TRUE(ListDirectory(layout_.tmp())->empty());
}

TEST_F(StoreTest, TheAddressIsThereWhileTheDaemonIs) {
  ASSERT_TRUE(store_->PublishAddress("/run/a b.sock").ok());
  EXPECT_EQ(*ReadFile(layout_.address()), "/run/a b.sock\n");
  EXPECT_EQ(HolderOf(layout_)->socket, "/run/a b.sock");
  ASSERT_TRUE(store_->PublishAddress("/s").ok());
  EXPECT_EQ(HolderOf(layout_)->socket, "/s");
  store_.reset();
  EXPECT_FALSE(std::filesystem::exists(layout_.address()));
}

TEST_F(StoreTest, NoticesThatItsRootWasReplacedAndLeavesTheNewOneAlone) {
  EXPECT_TRUE(store_->StillThere());
  ASSERT_TRUE(RenameDurably(layout_.root(), dir_.Below("old")).ok());
  EXPECT_FALSE(store_->StillThere());
  auto other = *Open();
  ASSERT_TRUE(other->PublishAddress("/other").ok());
  EXPECT_FALSE(store_->StillThere());
  store_.reset();
  EXPECT_EQ(*ReadFile(layout_.address()), "/other\n");
}

TEST_F(StoreTest, PublishesNothingOfTheRootThatReplacedItsOwn) {
  auto staged = *store_->StageFile();
  ASSERT_TRUE(RenameDurably(layout_.root(), dir_.Below("old")).ok());
  auto other = *Open();
  auto others = *other->StageFile();
  EXPECT_FALSE(store_
                   ->PublishCheckpoint(std::move(staged.staging),
                                       SampleCheckpoint(layout_, 1))
                   .ok());
  EXPECT_TRUE(std::filesystem::exists(others.staging.path()));
  EXPECT_TRUE(ListDirectory(layout_.blobs())->empty());
}

TEST_F(StoreTest, NoticesThatOnlyItsStoreWasRemoved) {
  ASSERT_TRUE(RemoveAll(layout_.store()).ok());
  EXPECT_FALSE(store_->StillThere());
}

TEST_F(StoreTest, RefusesAStoreOfANewerVersionAndNamesBoth) {
  store_.reset();
  ASSERT_TRUE(WriteFileDurably(layout_.version(), "7\n", 0644).ok());
  absl::Status status = Open().status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_NE(status.message().find("version 7"), absl::string_view::npos);
  EXPECT_NE(status.message().find("version 1"), absl::string_view::npos);
  ASSERT_TRUE(WriteFileDurably(layout_.version(), "x\n", 0644).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(Open().status()));
}

TEST_F(StoreTest, RefusesARootThatOthersCanWriteAndNamesTheFix) {
  store_.reset();
  for (mode_t mode : {0770, 0702}) {
    ASSERT_EQ(::chmod(layout_.root().c_str(), mode), 0);
    absl::Status status = Open().status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status));
    EXPECT_NE(status.message().find("chmod go-w " + layout_.root()),
              absl::string_view::npos)
        << status;
  }
  ASSERT_EQ(::chmod(layout_.root().c_str(), 0755), 0);
  EXPECT_TRUE(Open().ok());
}

TEST_F(StoreTest, RefusesARootThatAnotherOwnsAndNamesBoth) {
  // Root can give a directory away; everyone else finds one of root's.
  std::string root = "/usr";
  if (::geteuid() == 0) {
    root = dir_.Below("others");
    ASSERT_TRUE(MakeDirectories(root, 0700).ok());
    ASSERT_EQ(::chown(root.c_str(), 1, 1), 0);
  }
  absl::Status status = Store::Open({root, ""}, clock_).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_NE(status.message().find("chown " + std::to_string(::geteuid())),
            absl::string_view::npos)
      << status;
}

TEST_F(StoreTest, RefusesARootThatIsAFile) {
  ASSERT_TRUE(WriteFileDurably(dir_.Below("file"), "", 0600).ok());
  absl::Status status = Store::Open({dir_.Below("file"), ""}, clock_).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
}

}  // namespace
}  // namespace hubd
