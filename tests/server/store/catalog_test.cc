#include "server/store/catalog.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_join.h"
#include "server/base/fs.h"
#include "server/store/schema.h"
#include "server/store/sqlite.h"
#include "tests/server/base/temp_dir.h"
#include "tests/server/store/sample_objects.h"

namespace hubd {
namespace {

class CatalogTest : public testing::Test {
 protected:
  CatalogTest() : layout_(dir_.path()) {
    HUBD_CHECK(MakeDirectories(layout_.store(), 0700).ok());
    Reopen();
  }

  void Reopen() {
    catalog_.reset();
    absl::StatusOr<std::unique_ptr<Catalog>> catalog = Catalog::Open(layout_);
    HUBD_CHECK(catalog.ok());
    catalog_ = *std::move(catalog);
  }

  TempDir dir_;
  Layout layout_;
  std::unique_ptr<Catalog> catalog_;
};

TEST_F(CatalogTest, WhatIsNotThereIsNoError) {
  EXPECT_EQ(*catalog_->LookupTree(SampleTree(layout_, 1).key), std::nullopt);
  EXPECT_EQ(*catalog_->LookupCheckpoint("shared", "https://h/"), std::nullopt);
  EXPECT_EQ(*catalog_->LookupUnpacked("x"), std::nullopt);
  EXPECT_EQ(*catalog_->LookupRefs("shared", kSampleRepo), nullptr);
  EXPECT_EQ(*catalog_->LookupTrust(1, kSampleRepo, ""), std::nullopt);
  EXPECT_TRUE(catalog_->RemoveTree(SampleTree(layout_, 1).key).ok());
  EXPECT_EQ(*catalog_->OtherBytes(), 0);
}

TEST_F(CatalogTest, EveryKindComesBackWholeAfterReopening) {
  TreeObject tree = SampleTree(layout_, 1);
  CheckpointObject checkpoint = SampleCheckpoint(layout_, 1);
  UnpackedObject unpacked = SampleUnpacked(layout_, 1);
  RefsObject refs = SampleRefs(50000);
  ASSERT_TRUE(catalog_->PutTree(tree).ok());
  ASSERT_TRUE(catalog_->PutCheckpoint(checkpoint).ok());
  ASSERT_TRUE(catalog_->PutUnpacked(unpacked).ok());
  ASSERT_TRUE(catalog_->PutRefs(refs).ok());
  Reopen();
  EXPECT_TRUE(*catalog_->LookupTree(tree.key) == tree);
  EXPECT_TRUE(*catalog_->LookupCheckpoint("shared", checkpoint.url) ==
              checkpoint);
  EXPECT_TRUE(*catalog_->LookupUnpacked(unpacked.sha256) == unpacked);
  EXPECT_TRUE(**catalog_->LookupRefs("shared", kSampleRepo) == refs);
  EXPECT_EQ(catalog_->ReposWithRefs()->size(), 1u);
}

TEST_F(CatalogTest, PutReplacesAndRemoveRemovesThatOneOnly) {
  CheckpointObject checkpoint = SampleCheckpoint(layout_, 1);
  ASSERT_TRUE(catalog_->PutCheckpoint(checkpoint).ok());
  ASSERT_TRUE(catalog_->PutCheckpoint(SampleCheckpoint(layout_, 2)).ok());
  checkpoint.sha256 = SampleCheckpoint(layout_, 3).sha256;
  checkpoint.path = layout_.Blob(checkpoint.sha256);
  checkpoint.etag = "other";
  ASSERT_TRUE(catalog_->PutCheckpoint(checkpoint).ok());
  EXPECT_TRUE(*catalog_->LookupCheckpoint("shared", checkpoint.url) ==
              checkpoint);
  EXPECT_EQ(*catalog_->LookupCheckpoint("uid", checkpoint.url), std::nullopt);
  ASSERT_TRUE(catalog_->RemoveCheckpoint("shared", checkpoint.url).ok());
  EXPECT_EQ(catalog_->ListCheckpoints(0, "")->objects.size(), 1u);
}

TEST_F(CatalogTest, ListsNewestFirstPageByPageEachOnce) {
  // Three ages for ten objects: equal ages lie across the pages' borders.
  for (int i = 0; i < 10; ++i) {
    TreeObject tree = SampleTree(layout_, i);
    tree.created_at = SampleTime(i / 4);
    ASSERT_TRUE(catalog_->PutTree(tree).ok());
  }
  std::set<std::string> seen;
  std::string token;
  absl::Time last = absl::InfiniteFuture();
  int pages = 0;
  do {
    absl::StatusOr<Page<TreeObject>> page = catalog_->ListTrees(3, token);
    ASSERT_TRUE(page.ok()) << page.status();
    for (const TreeObject& tree : page->objects) {
      EXPECT_TRUE(seen.insert(tree.key.commit).second);
      EXPECT_LE(tree.created_at, last);
      last = tree.created_at;
    }
    token = page->next_token;
    ++pages;
  } while (!token.empty());
  EXPECT_EQ(seen.size(), 10u);
  EXPECT_EQ(pages, 4);
}

TEST_F(CatalogTest, ALastPageThatIsFullHasNoToken) {
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(catalog_->PutUnpacked(SampleUnpacked(layout_, i)).ok());
  }
  std::string token = catalog_->ListUnpacked(2, "")->next_token;
  EXPECT_FALSE(token.empty());
  EXPECT_EQ(catalog_->ListUnpacked(2, token)->next_token, "");
}

TEST_F(CatalogTest, ATokenThatNoListingGaveIsInvalid) {
  for (const char* token :
       {"x", "!!", "MQo=", "YQpiCg==", "MQoyCjMKNAo1Cg=="}) {
    EXPECT_TRUE(absl::IsInvalidArgument(catalog_->ListTrees(0, token).status()))
        << token;
    EXPECT_TRUE(absl::IsInvalidArgument(
        catalog_->ListTrust(1, std::nullopt, 0, token).status()))
        << token;
  }
}

TEST_F(CatalogTest, TreesOfARepoAreNewestFirstAndNoOthers) {
  for (int i : {2, 1, 3}) {
    ASSERT_TRUE(catalog_->PutTree(SampleTree(layout_, i)).ok());
  }
  TreeObject other = SampleTree(layout_, 4);
  other.key.repo.name = "other";
  ASSERT_TRUE(catalog_->PutTree(other).ok());
  std::vector<TreeObject> trees =
      *catalog_->TreesOfRepo("shared", kSampleRepo, "");
  ASSERT_EQ(trees.size(), 3u);
  EXPECT_EQ(trees[0].key, SampleTree(layout_, 3).key);
  EXPECT_EQ(trees[2].key, SampleTree(layout_, 1).key);
}

TEST_F(CatalogTest, ABlobIsThereAsLongAsAnyUrlGivesIt) {
  CheckpointObject checkpoint = SampleCheckpoint(layout_, 1);
  const std::string sha256 = checkpoint.sha256;
  EXPECT_FALSE(*catalog_->HasBlob(sha256));
  ASSERT_TRUE(catalog_->PutCheckpoint(checkpoint).ok());
  const std::string first = checkpoint.url;
  checkpoint.url += "again";
  ASSERT_TRUE(catalog_->PutCheckpoint(checkpoint).ok());
  ASSERT_TRUE(catalog_->RemoveCheckpoint("shared", first).ok());
  EXPECT_TRUE(*catalog_->HasBlob(sha256));
  ASSERT_TRUE(catalog_->RemoveCheckpoint("shared", checkpoint.url).ok());
  EXPECT_FALSE(*catalog_->HasBlob(sha256));
}

TEST_F(CatalogTest, SumsUpTreesAndArchives) {
  ASSERT_TRUE(catalog_->PutCheckpoint(SampleCheckpoint(layout_, 1)).ok());
  ASSERT_TRUE(catalog_->PutTree(SampleTree(layout_, 0)).ok());
  ASSERT_TRUE(catalog_->PutUnpacked(SampleUnpacked(layout_, 0)).ok());
  EXPECT_EQ(*catalog_->OtherBytes(), 1000 + 77);
}

TEST_F(CatalogTest, TrustIsOneEntryPerCallerRepoAndHubDir) {
  TrustEntry entry = {1000, kSampleRepo, "/hub", SampleTime(1)};
  EXPECT_TRUE(*catalog_->AddTrust(entry));
  TrustEntry again = entry;
  again.created_at = SampleTime(2);
  EXPECT_FALSE(*catalog_->AddTrust(again));
  EXPECT_TRUE(*catalog_->LookupTrust(1000, kSampleRepo, "/hub") == entry);
  EXPECT_EQ(*catalog_->LookupTrust(1000, kSampleRepo, ""), std::nullopt);
  EXPECT_EQ(*catalog_->LookupTrust(1001, kSampleRepo, "/hub"), std::nullopt);
  EXPECT_EQ(*catalog_->RemoveTrust(1000, kSampleRepo, ""), 0);
  EXPECT_EQ(*catalog_->RemoveTrust(1000, kSampleRepo, "/hub"), 1);
  EXPECT_EQ(*catalog_->LookupTrust(1000, kSampleRepo, "/hub"), std::nullopt);
}

TEST_F(CatalogTest, RemoveAllTrustTakesEveryHubDirOfThatCaller) {
  for (const char* hub_dir : {"", "/a", "/b"}) {
    ASSERT_TRUE(*catalog_->AddTrust({1, kSampleRepo, hub_dir, SampleTime(0)}));
    ASSERT_TRUE(*catalog_->AddTrust({2, kSampleRepo, hub_dir, SampleTime(0)}));
  }
  EXPECT_EQ(*catalog_->RemoveAllTrust(1, kSampleRepo), 3);
  EXPECT_EQ(catalog_->ListTrust(2, std::nullopt, 0, "")->objects.size(), 3u);
}

TEST_F(CatalogTest, TrustIsListedByRepoAndHubDirPageByPage) {
  const RepoId other = {kSampleRepo.host, "A", "z"};
  for (const RepoId& repo : {kSampleRepo, other}) {
    for (const char* hub_dir : {"/b", "", "/a"}) {
      ASSERT_TRUE(*catalog_->AddTrust({1, repo, hub_dir, SampleTime(0)}));
    }
  }
  std::vector<std::string> seen;
  std::string token;
  do {
    Page<TrustEntry> page = *catalog_->ListTrust(1, std::nullopt, 2, token);
    for (const TrustEntry& entry : page.objects) {
      seen.push_back(entry.repo.owner + entry.hub_dir);
    }
    token = page.next_token;
  } while (!token.empty());
  EXPECT_EQ(seen, (std::vector<std::string>{"A", "A/a", "A/b", "Owner",
                                            "Owner/a", "Owner/b"}));
  // What counts in one hub_dir: its own and the general entries.
  EXPECT_EQ(catalog_->ListTrust(1, "/a", 0, "")->objects.size(), 4u);
  EXPECT_EQ(catalog_->ListTrust(1, "/none", 0, "")->objects.size(), 2u);
}

TEST_F(CatalogTest, ManyThreadsWriteAndReadAtOnce) {
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([this, t] {
        for (int i = 0; i < 25; ++i) {
          TreeObject tree = SampleTree(layout_, t * 100 + i);
          EXPECT_TRUE(catalog_->PutTree(tree).ok());
          EXPECT_TRUE(*catalog_->LookupTree(tree.key) == tree);
        }
      });
    }
  }
  EXPECT_EQ(catalog_->ListTrees(0, "")->objects.size(), 200u);
}

TEST_F(CatalogTest, AMovedRootHasItsObjectsWhereItLies) {
  ASSERT_TRUE(catalog_->PutTree(SampleTree(layout_, 1)).ok());
  catalog_.reset();
  TempDir elsewhere;
  Layout moved(elsewhere.Below("root"));
  ASSERT_TRUE(RenameDurably(dir_.path(), moved.root()).ok());
  auto catalog = *Catalog::Open(moved);
  EXPECT_TRUE(*catalog->LookupTree(SampleTree(moved, 1).key) ==
              SampleTree(moved, 1));
}

TEST_F(CatalogTest, TakesOverTheIndexOfAHubdThatKeptNoDigests) {
  catalog_.reset();
  ASSERT_TRUE(RemoveAll(layout_.index()).ok());
  const TreeObject tree = SampleTree(layout_, 1);
  {
    auto database =
        *Database::Open(layout_.index(), Database::Mode::kReadWriteCreate);
    ASSERT_TRUE(database->Migrate({kFirstSchema, kJobResultSchema}).ok());
    ASSERT_TRUE(
        database
            ->Execute("INSERT INTO tree (domain, host, owner, name, commit_id,"
                      " route, size_bytes, entry_count, created_at, warnings)"
                      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, 1, 1, '')",
                      {tree.key.domain, tree.key.repo.host, tree.key.repo.owner,
                       tree.key.repo.name, tree.key.commit, tree.key.route})
            .ok());
  }
  catalog_ = *Catalog::Open(layout_);
  EXPECT_EQ((*catalog_->LookupTree(tree.key))->digest, "");
  ASSERT_TRUE(catalog_->PutTree(tree).ok());
  EXPECT_EQ((*catalog_->LookupTree(tree.key))->digest, tree.digest);
}

TEST_F(CatalogTest, RefusesTheIndexOfANewerHubd) {
  catalog_.reset();
  {
    auto database =
        *Database::Open(layout_.index(), Database::Mode::kReadWriteCreate);
    ASSERT_TRUE(database->Execute("PRAGMA user_version = 99").ok());
  }
  EXPECT_TRUE(absl::IsFailedPrecondition(Catalog::Open(layout_).status()));
}

TEST_F(CatalogTest, KeepsWhereARepoHasMoved) {
  RefsObject moved = SampleRefs(0);
  moved.moved_to = RepoId{"github.com", "new", "name"};
  ASSERT_TRUE(catalog_->PutRefs(moved).ok());
  Reopen();
  EXPECT_TRUE(**catalog_->LookupRefs("shared", kSampleRepo) == moved);
  ASSERT_TRUE(catalog_->PutRefs(SampleRefs(1)).ok());
  Reopen();
  EXPECT_TRUE(**catalog_->LookupRefs("shared", kSampleRepo) == SampleRefs(1));
}

TEST_F(CatalogTest, ARefsAnswerIsReplacedForWhoHasReadIt) {
  RefsObject refs = SampleRefs(2);
  ASSERT_TRUE(catalog_->PutRefs(refs).ok());
  Reopen();
  auto before = *catalog_->LookupRefs("shared", kSampleRepo);
  EXPECT_EQ(*catalog_->LookupRefs("shared", kSampleRepo), before);
  RefsObject newer = SampleRefs(3);
  ASSERT_TRUE(catalog_->PutRefs(newer).ok());
  EXPECT_TRUE(**catalog_->LookupRefs("shared", kSampleRepo) == newer);
  EXPECT_TRUE(*before == refs);
}

TEST_F(CatalogTest, WhoHasReadARowSeesWhatIsWrittenNext) {
  TreeObject tree = SampleTree(layout_, 1);
  CheckpointObject checkpoint = SampleCheckpoint(layout_, 1);
  ASSERT_TRUE(catalog_->PutTree(tree).ok());
  ASSERT_TRUE(catalog_->PutCheckpoint(checkpoint).ok());
  for (int64_t size : {1, 2}) {
    tree.size_bytes = checkpoint.size_bytes = size;
    ASSERT_TRUE(catalog_->PutTree(tree).ok());
    ASSERT_TRUE(catalog_->PutCheckpoint(checkpoint).ok());
    EXPECT_EQ((*catalog_->LookupTree(tree.key))->size_bytes, size);
    EXPECT_EQ(
        (*catalog_->LookupCheckpoint("shared", checkpoint.url))->size_bytes,
        size);
  }
  ASSERT_TRUE(catalog_->RemoveTree(tree.key).ok());
  ASSERT_TRUE(catalog_->RemoveCheckpoint("shared", checkpoint.url).ok());
  EXPECT_EQ(*catalog_->LookupTree(tree.key), std::nullopt);
  EXPECT_EQ(*catalog_->LookupCheckpoint("shared", checkpoint.url),
            std::nullopt);
}

TEST_F(CatalogTest, WhatWasLookedUpIsInMemoryUntilItIsWritten) {
  const TreeObject tree = SampleTree(layout_, 1);
  const CheckpointObject checkpoint = SampleCheckpoint(layout_, 1);
  const std::string& url = checkpoint.url;
  ASSERT_TRUE(catalog_->PutTree(tree).ok());
  ASSERT_TRUE(catalog_->PutCheckpoint(checkpoint).ok());
  ASSERT_TRUE(catalog_->PutRefs(SampleRefs(1)).ok());
  ASSERT_TRUE(catalog_->PutJobResult({1, "k", tree.key, "result"}).ok());
  Reopen();
  EXPECT_EQ(catalog_->TreeInMemory(tree.key), std::nullopt);
  EXPECT_EQ(catalog_->CheckpointInMemory("shared", url), std::nullopt);
  EXPECT_EQ(catalog_->RefsInMemory("shared", kSampleRepo), nullptr);
  EXPECT_EQ(catalog_->JobResultInMemory(1, "k"), std::nullopt);
  EXPECT_TRUE(catalog_->LookupTree(tree.key).ok());
  EXPECT_TRUE(catalog_->LookupCheckpoint("shared", url).ok());
  EXPECT_TRUE(catalog_->LookupRefs("shared", kSampleRepo).ok());
  EXPECT_TRUE(catalog_->LookupJobResult(1, "k").ok());
  EXPECT_TRUE(catalog_->TreeInMemory(tree.key) == tree);
  EXPECT_TRUE(catalog_->CheckpointInMemory("shared", url) == checkpoint);
  EXPECT_TRUE(*catalog_->RefsInMemory("shared", kSampleRepo) == SampleRefs(1));
  EXPECT_EQ(catalog_->JobResultInMemory(1, "k"), "result");
  EXPECT_EQ(catalog_->JobResultInMemory(2, "k"), std::nullopt);
  ASSERT_TRUE(catalog_->RemoveTree(tree.key).ok());
  EXPECT_EQ(catalog_->TreeInMemory(tree.key), std::nullopt);
  EXPECT_EQ(catalog_->JobResultInMemory(1, "k"), std::nullopt);
}

TEST_F(CatalogTest, AJobResultIsItsUsersAloneAndGoesWithItsTree) {
  TreeObject tree = SampleTree(layout_, 1);
  TreeObject other = SampleTree(layout_, 2);
  ASSERT_TRUE(catalog_->PutTree(tree).ok());
  ASSERT_TRUE(catalog_->PutTree(other).ok());
  const std::string bytes("\0\xff{}\n", 5);
  ASSERT_TRUE(catalog_->PutJobResult({1, "k1", tree.key, "old"}).ok());
  ASSERT_TRUE(catalog_->PutJobResult({1, "k1", tree.key, bytes}).ok());
  ASSERT_TRUE(catalog_->PutJobResult({2, "k1", tree.key, "two's"}).ok());
  ASSERT_TRUE(catalog_->PutJobResult({1, "k2", other.key, "other"}).ok());
  Reopen();
  EXPECT_EQ(*catalog_->LookupJobResult(1, "k1"), bytes);
  EXPECT_EQ(*catalog_->LookupJobResult(2, "k1"), "two's");
  EXPECT_EQ(*catalog_->LookupJobResult(3, "k1"), std::nullopt);
  ASSERT_TRUE(catalog_->RemoveTree(tree.key).ok());
  EXPECT_EQ(*catalog_->LookupJobResult(1, "k1"), std::nullopt);
  EXPECT_EQ(*catalog_->LookupJobResult(2, "k1"), std::nullopt);
  EXPECT_EQ(*catalog_->LookupJobResult(1, "k2"), "other");
}

TEST_F(CatalogTest, OfAUsersJobResultsTheLatestAreKept) {
  TreeKey tree = SampleTree(layout_, 1).key;
  ASSERT_TRUE(catalog_->PutJobResult({2, "k", tree, "another's"}).ok());
  for (int i = 0; i < 258; ++i) {
    ASSERT_TRUE(catalog_->PutJobResult({1, std::to_string(i), tree, "r"}).ok());
  }
  EXPECT_EQ(*catalog_->LookupJobResult(1, "1"), std::nullopt);
  EXPECT_EQ(*catalog_->LookupJobResult(1, "2"), "r");
  EXPECT_EQ(*catalog_->LookupJobResult(1, "257"), "r");
  EXPECT_EQ(*catalog_->LookupJobResult(2, "k"), "another's");
}

TEST_F(CatalogTest, AStampIsReplacedAndGoesWithWhatItIsAbout) {
  const TreeObject tree = SampleTree(layout_, 1);
  CheckpointObject checkpoint = SampleCheckpoint(layout_, 1);
  ASSERT_TRUE(catalog_->PutTree(tree).ok());
  ASSERT_TRUE(catalog_->PutCheckpoint(checkpoint).ok());
  const TreeKey& key = tree.key;
  const std::string tree_name =
      absl::StrJoin({std::string("tree"), key.domain, key.repo.host,
                     key.repo.owner, key.repo.name, key.commit, key.route},
                    " ");
  const std::string blob_name = "blob " + checkpoint.sha256;
  EXPECT_EQ(*catalog_->LookupStamp(tree_name), "");
  for (const char* stamp : {"1 2", "1 3"}) {
    ASSERT_TRUE(catalog_->PutStamp(tree_name, stamp).ok());
    ASSERT_TRUE(catalog_->PutStamp(blob_name, stamp).ok());
    EXPECT_EQ(*catalog_->LookupStamp(tree_name), stamp);
  }
  ASSERT_TRUE(catalog_->PutTree(tree).ok());
  ASSERT_TRUE(catalog_->PutCheckpoint(checkpoint).ok());
  EXPECT_EQ(*catalog_->LookupStamp(tree_name), "1 3");
  EXPECT_EQ(*catalog_->LookupStamp(blob_name), "1 3");
  ASSERT_TRUE(catalog_->RemoveTree(key).ok());
  EXPECT_EQ(*catalog_->LookupStamp(tree_name), "");
  // The URL gives other bytes.
  checkpoint.sha256 = SampleCheckpoint(layout_, 2).sha256;
  ASSERT_TRUE(catalog_->PutCheckpoint(checkpoint).ok());
  EXPECT_EQ(*catalog_->LookupStamp(blob_name), "");
  const std::string other_name = "blob " + checkpoint.sha256;
  ASSERT_TRUE(catalog_->PutStamp(other_name, "1").ok());
  ASSERT_TRUE(
      catalog_->RemoveCheckpoint(checkpoint.domain, checkpoint.url).ok());
  EXPECT_EQ(*catalog_->LookupStamp(other_name), "");
}

}  // namespace
}  // namespace hubd
