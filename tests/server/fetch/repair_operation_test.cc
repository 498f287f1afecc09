#include "server/fetch/repair_operation.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <future>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "server/base/unique_fd.h"
#include "server/fetch/imported_checkpoint.h"
#include "tests/server/fetch/archive_builder.h"
#include "tests/server/fetch/fetch_fixture.h"

namespace hubd {
namespace {

constexpr char kUrl[] = "https://h.org/w";
constexpr char kOtherUrl[] = "https://mirror.org/w";
const std::string kCommit(40, 'a');
const std::string kArchive =
    "https://github.com/o/n/archive/" + kCommit + ".tar.gz";

class RepairOperationTest : public FetchFixture {
 protected:
  absl::StatusOr<VerifyReport> Repair(RepairRequest request = {}) {
    auto promise =
        std::make_shared<std::promise<absl::StatusOr<VerifyReport>>>();
    OnIo([&] {
      operations_.push_back(fetcher_.Repair(
          std::move(request), [](const Progress&) {},
          [promise](absl::StatusOr<VerifyReport> report) {
            promise->set_value(std::move(report));
          }));
    });
    return promise->get_future().get();
  }

  CheckpointObject Fetch(const std::string& url) {
    return FetchCheckpoint({.url = url, .sha256_prefix = ""})->checkpoint;
  }

  bool Has(const std::string& url) {
    return store_->FindCheckpoint(kSharedDomain, url)->has_value();
  }

  void ServeTree(const std::string& hubconf) {
    http_.Serve(kArchive, Gzip(TarFolder("n-1/") +
                               TarFile("n-1/hubconf.py", hubconf) + TarEnd()));
  }

  TreeObject FetchPinned() {
    TreeRequest request;
    request.spec = {{"github.com", "o", "n"}, kCommit};
    request.skip_validation = true;
    return FetchTree(request)->tree;
  }

  // In place, as its owner may, and leaving its size.
  static void Damage(const std::string& path) {
    HUBD_CHECK(::chmod(path.c_str(), 0644) == 0);
    UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    HUBD_CHECK(WriteAll(fd.get(), "B").ok());
  }
};

TEST_F(RepairOperationTest, ASoundCacheAsksNobody) {
  http_.Serve(kUrl, "bytes");
  Fetch(kUrl);
  http_.Serve(kUrl, "others");
  const VerifyReport report = *Repair();
  EXPECT_EQ(report.blobs, 1);
  EXPECT_TRUE(report.damages.empty());
}

TEST_F(RepairOperationTest, ADamagedBlobIsFetchedAgainForAllItsUrls) {
  http_.Serve(kUrl, "bytes");
  http_.Serve(kOtherUrl, "bytes");
  const CheckpointObject blob = Fetch(kUrl);
  Fetch(kOtherUrl);
  Damage(blob.path);
  const VerifyReport report = *Repair();
  ASSERT_EQ(report.damages.size(), 1u);
  EXPECT_TRUE(report.damages[0].repaired) << report.damages[0].unrepaired;
  EXPECT_EQ(report.damages[0].unrepaired, "");
  EXPECT_EQ(*ReadFile(blob.path), "bytes");
  EXPECT_TRUE(Has(kUrl));
  EXPECT_TRUE(Has(kOtherUrl));
  EXPECT_TRUE(Repair()->damages.empty());
}

TEST_F(RepairOperationTest, AnyOfItsUrlsWillDo) {
  http_.Serve(kUrl, "bytes");
  http_.Serve(kOtherUrl, "bytes");
  const CheckpointObject blob = Fetch(kUrl);
  Fetch(kOtherUrl);
  Damage(blob.path);
  http_.Serve(kOtherUrl, "other bytes");
  const VerifyReport report = *Repair();
  EXPECT_TRUE(report.damages[0].repaired) << report.damages[0].unrepaired;
  EXPECT_EQ(*ReadFile(blob.path), "bytes");
}

TEST_F(RepairOperationTest, OtherBytesByNowAreNoRepair) {
  http_.Serve(kUrl, "bytes");
  const CheckpointObject blob = Fetch(kUrl);
  Damage(blob.path);
  http_.Serve(kUrl, "other bytes");
  const VerifyReport report = *Repair();
  ASSERT_EQ(report.damages.size(), 1u);
  EXPECT_FALSE(report.damages[0].repaired);
  EXPECT_TRUE(absl::StrContains(report.damages[0].unrepaired, blob.sha256))
      << report.damages[0].unrepaired;
  EXPECT_FALSE(IsThere(blob.path));
  EXPECT_FALSE(Has(kUrl));
}

TEST_F(RepairOperationTest, WhatAnImportHadIsNotToBeHadAgain) {
  http_.Serve(kUrl, "bytes");
  CheckpointObject blob = Fetch(kUrl);
  blob.url = ImportUrl("w.pth");
  ASSERT_TRUE(store_->RecordCheckpoint(blob).ok());
  ASSERT_TRUE(
      RemoveAll(store_->layout().CheckpointRecord(kSharedDomain, kUrl)).ok());
  ASSERT_TRUE(store_->catalog().RemoveCheckpoint(kSharedDomain, kUrl).ok());
  Damage(blob.path);
  const VerifyReport report = *Repair();
  ASSERT_EQ(report.damages.size(), 1u);
  EXPECT_TRUE(absl::StrContains(report.damages[0].unrepaired, "hubctl import"));
}

TEST_F(RepairOperationTest, ADamagedTreeIsFetchedAgainAndKeepsItsProof) {
  ServeTree("x = 1");
  const TreeObject unproven = FetchPinned();
  ASSERT_TRUE(unproven.unproven);
  const TreeObject tree = *store_->RecordProven(unproven);
  Damage(tree.path + "/hubconf.py");
  const VerifyReport report = *Repair();
  ASSERT_EQ(report.damages.size(), 1u);
  EXPECT_TRUE(report.damages[0].repaired) << report.damages[0].unrepaired;
  EXPECT_EQ(*ReadFile(tree.path + "/hubconf.py"), "x = 1");
  EXPECT_FALSE((*store_->FindTree(tree.key))->unproven);
}

TEST_F(RepairOperationTest, OtherFilesByNowAreToldAndTheRestGoesOn) {
  ServeTree("x = 1");
  const TreeObject tree = FetchPinned();
  http_.Serve(kUrl, "bytes");
  const CheckpointObject blob = Fetch(kUrl);
  Damage(tree.path + "/hubconf.py");
  Damage(blob.path);
  ServeTree("x = 2");
  const VerifyReport report = *Repair();
  ASSERT_EQ(report.damages.size(), 2u);
  EXPECT_FALSE(report.damages[0].repaired);
  EXPECT_TRUE(absl::StrContains(report.damages[0].unrepaired, "other files"));
  EXPECT_TRUE(report.damages[1].repaired) << report.damages[1].unrepaired;
}

TEST_F(RepairOperationTest, OfflineItSaysThatNothingCanBeHad) {
  http_.Serve(kUrl, "bytes");
  const CheckpointObject blob = Fetch(kUrl);
  Damage(blob.path);
  const VerifyReport report = *Repair({.offline = true});
  ASSERT_EQ(report.damages.size(), 1u);
  EXPECT_TRUE(absl::StrContains(report.damages[0].unrepaired, "offline"));
}

TEST_F(RepairOperationTest, AQuickOneReadsWhatChangedOnly) {
  http_.Serve(kUrl, "bytes");
  http_.Serve(kOtherUrl, "more bytes");
  Fetch(kUrl);
  const CheckpointObject blob = Fetch(kOtherUrl);
  EXPECT_EQ(Repair({.verify = {.quick = true}})->blobs, 2);
  Damage(blob.path);
  const VerifyReport report = *Repair({.verify = {.quick = true}});
  EXPECT_EQ(report.blobs, 1);
  EXPECT_EQ(report.unchanged, 1);
  ASSERT_EQ(report.damages.size(), 1u);
  EXPECT_TRUE(report.damages[0].repaired) << report.damages[0].unrepaired;
}

}  // namespace
}  // namespace hubd
