#include "server/fetch/verify_operation.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <functional>
#include <string>
#include <variant>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "server/base/unique_fd.h"
#include "tests/server/fetch/fetch_fixture.h"

namespace hubd {
namespace {

const std::string kCommit(40, 'a');
const std::string kOther(40, 'b');

class VerifyOperationTest : public FetchFixture {
 protected:
  TreeObject PublishTree(const std::string& commit) {
    Staging staging = *store_->StageDirectory();
    HUBD_CHECK(
        WriteFileDurably(staging.path() + "/hubconf.py", commit, 0644).ok());
    std::filesystem::create_symlink("hubconf.py", staging.path() + "/link");
    TreeObject tree;
    tree.key = {kSharedDomain, {"github.com", "o", "n"}, commit, "archive"};
    tree.size_bytes = 40;
    return *store_->PublishTree(std::move(staging), std::move(tree));
  }

  CheckpointObject FetchBytes(const std::string& url,
                              const std::string& bytes) {
    http_.Serve(url, bytes);
    return FetchCheckpoint({.url = url, .sha256_prefix = ""})->checkpoint;
  }

  absl::StatusOr<VerifyReport> Verify(const VerifyRequest& request = {}) {
    auto promise =
        std::make_shared<std::promise<absl::StatusOr<VerifyReport>>>();
    OnIo([&] {
      operations_.push_back(fetcher_.Verify(
          request, [](const Progress&) {},
          [promise](absl::StatusOr<VerifyReport> report) {
            promise->set_value(std::move(report));
          }));
    });
    return promise->get_future().get();
  }

  // Changes a sealed file as its owner may.
  static void Overwrite(const std::string& path, const std::string& bytes) {
    HUBD_CHECK(::chmod(path.c_str(), 0644) == 0);
    UniqueFd fd(::open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
    HUBD_CHECK(WriteAll(fd.get(), bytes).ok());
  }
};

TEST_F(VerifyOperationTest, CountsWhatItReadAndReadsABlobOfSeveralUrlsOnce) {
  PublishTree(kCommit);
  FetchBytes("https://h.org/a", "bytes");
  FetchBytes("https://h.org/b", "bytes");
  const VerifyReport report = *Verify();
  EXPECT_EQ(report.trees, 1);
  EXPECT_EQ(report.blobs, 1);
  EXPECT_EQ(report.bytes, 45);
  EXPECT_TRUE(report.damages.empty());
  EXPECT_TRUE(report.complete);
}

TEST_F(VerifyOperationTest, ADamagedTreeIsToldAndGoesWithRecordAndRow) {
  const std::function<void(const TreeObject&)> damages[] = {
      [](const TreeObject& tree) { Overwrite(tree.path + "/hubconf.py", "x"); },
      [](const TreeObject& tree) {
        ::chmod(tree.path.c_str(), 0755);
        HUBD_CHECK(WriteFileDurably(tree.path + "/added", "", 0444).ok());
      },
      [](const TreeObject& tree) {
        HUBD_CHECK(::chmod((tree.path + "/hubconf.py").c_str(), 0555) == 0);
      },
      [](const TreeObject& tree) {
        ::chmod(tree.path.c_str(), 0755);
        std::filesystem::remove(tree.path + "/link");
        std::filesystem::create_symlink("elsewhere", tree.path + "/link");
      },
  };
  for (const auto& damage : damages) {
    const TreeObject tree = PublishTree(kCommit);
    damage(tree);
    const VerifyReport report = *Verify();
    ASSERT_EQ(report.damages.size(), 1u);
    const Damage& told = report.damages[0];
    EXPECT_EQ(told.kind, Damage::Kind::kTree);
    EXPECT_EQ(told.name, "github.com/o/n at " + kCommit);
    EXPECT_EQ(told.path, tree.path);
    EXPECT_EQ(told.expected, tree.digest);
    EXPECT_NE(told.actual, tree.digest);
    EXPECT_TRUE(told.removed);
    EXPECT_FALSE(IsThere(tree.path));
    EXPECT_FALSE(IsThere(store_->layout().TreeRecord(tree.key)));
    EXPECT_FALSE(store_->FindTree(tree.key)->has_value());
  }
}

TEST_F(VerifyOperationTest, AQuickOneReadsWhatChangedSinceItWasCompared) {
  const TreeObject tree = PublishTree(kCommit);
  PublishTree(kOther);
  const CheckpointObject blob = FetchBytes("https://h.org/a", "bytes");
  const VerifyRequest quick{.quick = true};
  // Nothing was compared yet.
  EXPECT_EQ(Verify(quick)->unchanged, 0);
  VerifyReport report = *Verify(quick);
  EXPECT_EQ(report.unchanged, 3);
  EXPECT_EQ(report.trees + report.blobs + report.bytes, 0);
  // Reading is no change.
  ASSERT_TRUE(ReadFile(blob.path).ok());
  EXPECT_EQ(Verify()->unchanged, 0);
  Overwrite(tree.path + "/hubconf.py", "x");
  Overwrite(blob.path, "Bytes");
  report = *Verify(quick);
  EXPECT_EQ(report.unchanged, 1);
  EXPECT_EQ(report.damages.size(), 2u);
  // What came in its place was not compared.
  PublishTree(kCommit);
  EXPECT_EQ(Verify(quick)->trees, 1);
}

TEST_F(VerifyOperationTest, TellsHowFarALargeBlobHasCome) {
  const int64_t size = 20 << 20;
  FetchBytes("https://h.org/a", std::string(size, 'x'));
  FreeFlight flight;
  ASSERT_TRUE(VerifyStored(context(), {}, flight).ok());
  ASSERT_GT(flight.reports().size(), 10u);
  int64_t last = 0;
  for (const Progress& progress : flight.reports()) {
    EXPECT_GE(progress.done_bytes, last);
    EXPECT_EQ(progress.total_bytes, size);
    last = progress.done_bytes;
  }
  EXPECT_EQ(last, size);
}

TEST_F(VerifyOperationTest, ATreeThatIsGoneIsToldAndForgotten) {
  const TreeObject tree = PublishTree(kCommit);
  ASSERT_TRUE(RemoveAll(tree.path).ok());
  const VerifyReport report = *Verify();
  ASSERT_EQ(report.damages.size(), 1u);
  EXPECT_EQ(report.damages[0].problem, "it is gone");
  EXPECT_TRUE(Verify()->damages.empty());
}

TEST_F(VerifyOperationTest, ADamagedBlobGoesForAllItsUrls) {
  const CheckpointObject blob = FetchBytes("https://h.org/a", "bytes");
  FetchBytes("https://h.org/b", "bytes");
  Overwrite(blob.path, "Bytes");
  const VerifyReport report = *Verify();
  ASSERT_EQ(report.damages.size(), 1u);
  EXPECT_EQ(report.damages[0].kind, Damage::Kind::kBlob);
  EXPECT_EQ(report.damages[0].expected, blob.sha256);
  EXPECT_FALSE(IsThere(blob.path));
  for (const char* url : {"https://h.org/a", "https://h.org/b"}) {
    EXPECT_EQ(*store_->catalog().LookupCheckpoint(kSharedDomain, url),
              std::nullopt);
  }
}

TEST_F(VerifyOperationTest, ReadsOnlyTheTreesThatAreNamed) {
  Overwrite(PublishTree(kCommit).path + "/hubconf.py", "x");
  PublishTree(kOther);
  FetchBytes("https://h.org/a", "bytes");
  const RepoId repo = {"github.com", "o", "n"};
  VerifyReport report = *Verify({repo, "bbbb"});
  EXPECT_EQ(report.trees, 1);
  EXPECT_EQ(report.blobs, 0);
  EXPECT_TRUE(report.damages.empty());
  report = *Verify({repo, ""});
  EXPECT_EQ(report.trees, 2);
  EXPECT_EQ(report.damages.size(), 1u);
  const absl::Status missing = Verify({repo, "cccc"}).status();
  EXPECT_TRUE(absl::IsNotFound(missing)) << missing;
  EXPECT_TRUE(absl::StrContains(missing.message(), "github.com/o/n at cccc"));
}

TEST_F(VerifyOperationTest, ATreeWithoutADigestGetsOne) {
  TreeObject tree = PublishTree(kCommit);
  const std::string digest = std::exchange(tree.digest, "");
  ASSERT_TRUE(store_->catalog().PutTree(tree).ok());
  EXPECT_TRUE(Verify()->damages.empty());
  EXPECT_EQ((*store_->FindTree(tree.key))->digest, digest);
}

class StoppedFlight final : public FlightTable::Context {
 public:
  StoppedFlight() { source_.request_stop(); }
  int64_t id() const override { return 1; }
  std::stop_token stop() const override { return source_.get_token(); }
  void Report(const Progress&) override {}
  absl::Status Judge(const Fetched&) const override { return {}; }

 private:
  std::stop_source source_;
};

TEST_F(VerifyOperationTest, StopsWhenToldAndRemovesNothing) {
  const TreeObject tree = PublishTree(kCommit);
  const CheckpointObject blob = FetchBytes("https://h.org/a", "bytes");
  StoppedFlight flight;
  EXPECT_TRUE(absl::IsCancelled(VerifyStored(context(), {}, flight).status()));
  EXPECT_TRUE(IsThere(tree.path) && IsThere(blob.path));
}

TEST_F(VerifyOperationTest, TellsHowFarItHasCome) {
  PublishTree(kCommit);
  FetchBytes("https://h.org/a", "bytes");
  FreeFlight flight;
  ASSERT_TRUE(VerifyStored(context(), {}, flight).ok());
  // At the begin of each thing, and with each piece.
  ASSERT_EQ(flight.reports().size(), 4u);
  EXPECT_EQ(flight.reports()[0].phase, Progress::Phase::kVerifying);
  EXPECT_EQ(flight.reports()[1].done_bytes, 40);
  EXPECT_EQ(flight.reports()[2].subject, "https://h.org/a");
  EXPECT_EQ(flight.reports()[2].done_bytes, 40);
  EXPECT_EQ(flight.reports()[3].done_bytes, 45);
  EXPECT_EQ(flight.reports()[3].total_bytes, 45);
}

}  // namespace
}  // namespace hubd
