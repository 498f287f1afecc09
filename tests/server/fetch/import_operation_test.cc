#include "server/fetch/import_operation.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/match.h"
#include "server/base/digest.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "server/fetch/imported_checkpoint.h"
#include "server/store/tree_digest.h"
#include "tests/server/fetch/fetch_fixture.h"

namespace hubd {
namespace {

using Kind = ImportEntry::Kind;

class ImportOperationTest : public FetchFixture {
 protected:
  void Write(const std::string& name, const std::string& text) {
    const std::string path = Old(name);
    HUBD_CHECK(
        MakeDirectories(std::filesystem::path(path).parent_path(), 0755).ok());
    HUBD_CHECK(WriteFileDurably(path, text, 0644).ok());
  }

  std::string Old(const std::string& name) {
    return temp_.Below("old/" + name);
  }

  ImportRequest Request() {
    return {
        .directory = temp_.Below("old"),
        .uid = 7,
        .add_trust = [this](const RepoId& repo,
                            const std::string& dir) -> absl::StatusOr<bool> {
          trusted_.push_back(repo.ToString() + " in " + dir);
          return trusted_.size() == 1;
        }};
  }

  absl::StatusOr<ImportReport> Import(FlightTable::Context& flight) {
    absl::StatusOr<Fetched> fetched = ImportCache(context(), Request(), flight);
    if (!fetched.ok()) return fetched.status();
    return std::get<ImportReport>(fetched->object);
  }
  ImportReport Import() { return *Import(flight_); }

  FreeFlight flight_;
  std::vector<std::string> trusted_;
};

TEST_F(ImportOperationTest, TakesTreesCheckpointsAndTrust) {
  Write("o_r_main/hubconf.py", "def f(): pass\n");
  Write("checkpoints/w.pth", "w");
  Write("trusted_list", "o_r\n  a_b \n");
  const ImportReport report = Import();
  EXPECT_EQ(report.trees, 1);
  EXPECT_EQ(report.checkpoints, 1);
  EXPECT_EQ(report.trusted, 2);
  EXPECT_EQ(report.skipped, 0);
  EXPECT_EQ(report.size_bytes, 15);
  EXPECT_TRUE(report.complete);
  ASSERT_EQ(report.entries.size(), 4u);
  EXPECT_EQ(report.entries[0].kind, Kind::kTree);
  EXPECT_EQ(report.entries[0].name, "github.com/o/r:main");
  EXPECT_EQ(report.entries[1].how, "added");
  EXPECT_EQ(report.entries[2].how, "known");
  EXPECT_EQ(report.entries[3].path, "checkpoints/w.pth");
  EXPECT_EQ(trusted_[0], "github.com/o/r in " + temp_.Below("old"));
  ASSERT_FALSE(flight_.reports().empty());
  EXPECT_EQ(flight_.reports().back().phase, Progress::Phase::kImporting);
  EXPECT_EQ(flight_.reports().back().done_bytes, 15);
}

TEST_F(ImportOperationTest, WhatStandsForACommitIsOfFilesAndRef) {
  for (const char* name : {"o_r_main", "o_r_v1", "o_other_main"}) {
    Write(std::string(name) + "/hubconf.py", "def f(): pass\n");
  }
  Write("o_r_v2/hubconf.py", "def g(): pass\n");
  EXPECT_EQ(Import().trees, 4);
  const std::vector<TreeObject> trees =
      store_->catalog().ListTrees(0, "")->objects;
  std::map<std::string, std::string> commits;
  for (const TreeObject& tree : trees) {
    EXPECT_EQ(tree.key.route, kImportRoute);
    EXPECT_EQ(*TreeDigest(tree.path), tree.digest);
    EXPECT_LE(tree.imported->as_of, clock_.Now());
    commits[tree.key.repo.name + ":" + tree.imported->ref] = tree.key.commit;
    EXPECT_EQ(
        tree.key.commit,
        Sha256Hex("hubd import 1\n" + tree.imported->ref + "\n" + tree.digest)
            .substr(0, 40));
  }
  EXPECT_NE(commits["r:main"], commits["r:v1"]);
  EXPECT_NE(commits["r:main"], commits["r:v2"]);
  EXPECT_EQ(commits["r:main"], commits["other:main"]);
}

TEST_F(ImportOperationTest, OfAHomeTheHubAndItsCheckpointsAreTaken) {
  Write("hub/o_r_main/hubconf.py", "");
  Write("hub/checkpoints/a.pth", "a");
  Write("hub/trusted_list", "o_r\n");
  Write("serialized/123456_b.pkl", "b");
  Write("checkpoints/c.pth", "c");
  Write("x_y_z/hubconf.py", "no hub looks here");
  const ImportReport report = Import();
  EXPECT_EQ(report.trees, 1);
  EXPECT_EQ(report.checkpoints, 3);
  EXPECT_EQ(report.skipped, 0);
  EXPECT_EQ(trusted_[0], "github.com/o/r in " + temp_.Below("old/hub"));
}

TEST_F(ImportOperationTest, TheSameBytesAreStoredOnce) {
  Write("checkpoints/a.pth", "w");
  Write("checkpoints/b.pth", "w");
  const ImportReport report = Import();
  EXPECT_EQ(report.entries[1].how, "known");
  // Its own file is not what the store has.
  struct stat info;
  ASSERT_EQ(::stat(Old("checkpoints/b.pth").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0644u);
  for (const char* name : {"a.pth", "b.pth"}) {
    EXPECT_EQ((*store_->FindCheckpoint(kSharedDomain, ImportUrl(name)))->sha256,
              Sha256Hex("w"));
  }
}

TEST_F(ImportOperationTest, AFileThatHasChangedIsTakenAgain) {
  Write("checkpoints/a.pth", "w");
  Import();
  Write("checkpoints/a.pth", "other");
  EXPECT_NE(Import().entries[0].how, "known");
  EXPECT_EQ(
      (*store_->FindCheckpoint(kSharedDomain, ImportUrl("a.pth")))->sha256,
      Sha256Hex("other"));
  EXPECT_EQ(Import().entries[0].how, "known");
}

TEST_F(ImportOperationTest, AnEarlierLinkThatIsNoLongerKnownIsNoOther) {
  Write("checkpoints/a.pth", "w");
  Import();
  // As after an edit of its times: the same file is the blob already.
  const auto later = std::filesystem::file_time_type::clock::now();
  std::filesystem::last_write_time(Old("checkpoints/a.pth"), later);
  const ImportReport report = Import();
  EXPECT_EQ(report.checkpoints, 1);
  EXPECT_EQ(ListDirectory(store_->layout().tmp())->size(), 0u);
}

TEST_F(ImportOperationTest, OnlySoManyAreToldOneByOne) {
  for (size_t i = 0; i < kMaxTold + 2; ++i) {
    Write("junk" + std::to_string(i), "");
  }
  Write("z_z_z/hubconf.py", "");
  const ImportReport report = Import();
  EXPECT_EQ(report.skipped, static_cast<int64_t>(kMaxTold + 2));
  EXPECT_EQ(report.entries.size(), kMaxTold + 1);
  EXPECT_FALSE(report.complete);
  EXPECT_EQ(report.entries.back().name, "github.com/z/z:z");
}

TEST_F(ImportOperationTest, ADirectoryThatIsNoneIsSaid) {
  EXPECT_TRUE(absl::IsNotFound(Import(flight_).status()));
  HUBD_CHECK(WriteFileDurably(temp_.Below("old"), "", 0644).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(Import(flight_).status()));
}

TEST_F(ImportOperationTest, AFailedTrustIsToldAndTheRestIsTaken) {
  Write("checkpoints/w.pth", "w");
  Write("trusted_list", "o_r\n");
  ImportRequest request = Request();
  request.add_trust = [](const RepoId&, const std::string&) {
    return absl::StatusOr<bool>(absl::InternalError("broken"));
  };
  const ImportReport report =
      std::get<ImportReport>(ImportCache(context(), request, flight_)->object);
  EXPECT_EQ(report.entries[0].problem, "broken");
  EXPECT_EQ(report.checkpoints, 1);
}

TEST_F(ImportOperationTest, TheOperationGivesTheReport) {
  Write("checkpoints/w.pth", "w");
  auto promise = std::make_shared<std::promise<absl::StatusOr<ImportReport>>>();
  OnIo([&] {
    operations_.push_back(fetcher_.Import(
        Request(), [](const Progress&) {},
        [promise](absl::StatusOr<ImportReport> report) {
          promise->set_value(std::move(report));
        }));
  });
  EXPECT_EQ(promise->get_future().get()->checkpoints, 1);
}

}  // namespace
}  // namespace hubd
