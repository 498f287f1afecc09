#include "server/fetch/tree_lookup.h"

#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "gtest/gtest.h"
#include "server/base/status.h"
#include "server/fetch/tree_source.h"
#include "tests/server/base/memory_answers.h"
#include "tests/server/fetch/fetch_fixture.h"

namespace hubd {
namespace {

const std::string kCommit(40, 'a');
const std::string kOther(40, 'b');

class TreeLookupTest : public FetchFixture {
 protected:
  static TreeRequest Request(const std::string& ref = "") {
    TreeRequest request;
    request.spec = {{"github.com", "o", "n"}, ref};
    return request;
  }

  void PublishTree(const std::string& commit) {
    TreeObject tree;
    tree.key = KeyOfTree(Request().spec.id, commit);
    tree.warnings = {"a link was cut"};
    HUBD_CHECK(store_->PublishTree(*store_->StageDirectory(), tree).ok());
  }

  TreeObject PublishImport(const std::string& ref, const std::string& commit,
                           absl::Duration age) {
    TreeObject tree;
    tree.key = {kSharedDomain, Request().spec.id, commit, kImportRoute};
    tree.imported = {ref, clock_.Now() - age};
    return *store_->PublishTree(*store_->StageDirectory(), tree);
  }

  void PublishRefs() {
    RefsObject refs;
    refs.repo = Request().spec.id;
    refs.advertisement = {
        "refs/heads/main",
        {{"refs/heads/main", kCommit}, {"refs/heads/other", kOther}}};
    refs.asked_at = clock_.Now();
    HUBD_CHECK(store_->PublishRefs(refs).ok());
  }

  KnownTree LookUp(const TreeRequest& request) {
    absl::StatusOr<KnownTree> known =
        LookUpTree(context(), request, clock_.Now());
    HUBD_CHECK(known.ok());
    // Memory says the same, or that it is to be looked up.
    const auto in_memory = TreeInMemory(context(), request, clock_.Now());
    if (in_memory) {
      ++found_in_memory_;
      EXPECT_TRUE(known->result.has_value());
      EXPECT_TRUE(known->result && in_memory->tree == known->result->tree);
      EXPECT_EQ(in_memory->ref, known->result->ref);
      EXPECT_EQ(in_memory->warnings, known->result->warnings);
      EXPECT_EQ(in_memory->ambiguous_ref, known->result->ambiguous_ref);
      EXPECT_EQ(in_memory->stale_for, known->result->stale_for);
      EXPECT_TRUE(in_memory->cached);
    }
    return *std::move(known);
  }

  int found_in_memory_ = 0;
};

TEST_F(TreeLookupTest, MemoryAnswersWhatWasAnsweredBefore) {
  PublishRefs();
  PublishTree(kCommit);
  EXPECT_EQ(TreeInMemory(context(), Request(), clock_.Now()), std::nullopt);
  LookUp(Request());
  LookUp(Request("main"));
  LookUp(Request(kCommit));
  if (!MemoryAnswers(store_->layout().store())) GTEST_SKIP();
  EXPECT_EQ(found_in_memory_, 3);
  LookUp(Request("other"));
  clock_.Advance(absl::Minutes(6));
  LookUp(Request());
  EXPECT_EQ(found_in_memory_, 3);
  LookUp(Request(kCommit));
  EXPECT_EQ(found_in_memory_, 4);
}

TEST_F(TreeLookupTest, KnowsNothingOfAnEmptyStore) {
  KnownTree known = LookUp(Request());
  EXPECT_FALSE(known.result || known.resolved);
  EXPECT_TRUE(known.others.empty());
}

TEST_F(TreeLookupTest, MemoryLeavesToTheStoreWhatIsToBeProvenOrHasMoved) {
  if (!MemoryAnswers(store_->layout().store())) GTEST_SKIP();
  PublishRefs();
  TreeObject tree;
  tree.key = KeyOfTree(Request().spec.id, kCommit);
  tree.unproven = true;
  ASSERT_TRUE(store_->PublishTree(*store_->StageDirectory(), tree).ok());
  ASSERT_TRUE(store_->FindTree(tree.key)->has_value());
  EXPECT_FALSE(TreeInMemory(context(), Request(), clock_.Now()).has_value());
  EXPECT_TRUE(LookUp(Request()).result.has_value());
  LookUp(Request());
  EXPECT_EQ(found_in_memory_, 1);
  EXPECT_FALSE(
      TreeInMemory(context(), Request(kCommit.substr(0, 8)), clock_.Now())
          .has_value());
  RefsObject moved;
  moved.repo = Request().spec.id;
  moved.moved_to = RepoId{"github.com", "new", "n"};
  ASSERT_TRUE(store_->PublishRefs(moved).ok());
  ASSERT_TRUE(store_->FindTree(tree.key)->has_value());
  EXPECT_FALSE(
      TreeInMemory(context(), Request(kCommit), clock_.Now()).has_value());
}

TEST_F(TreeLookupTest, YoungRefsAndTheirTreeAreTheAnswer) {
  PublishRefs();
  KnownTree resolved = LookUp(Request());
  EXPECT_FALSE(resolved.result.has_value());
  EXPECT_EQ(resolved.resolved->commit, kCommit);
  PublishTree(kCommit);
  KnownTree known = LookUp(Request());
  ASSERT_TRUE(known.result.has_value());
  EXPECT_EQ(known.result->ref, "main");
  EXPECT_EQ(known.result->tree.key.commit, kCommit);
  EXPECT_TRUE(known.result->cached);
  EXPECT_EQ(known.result->warnings, std::vector<std::string>{"a link was cut"});
}

TEST_F(TreeLookupTest, WhereTheOriginIsToBeAskedNothingIsResolved) {
  PublishRefs();
  PublishTree(kCommit);
  TreeRequest refresh = Request();
  refresh.refresh = true;
  EXPECT_FALSE(LookUp(refresh).resolved.has_value());
  EXPECT_FALSE(LookUp(Request("pushed-since")).resolved.has_value());
  clock_.Advance(absl::Minutes(6));
  EXPECT_FALSE(LookUp(Request()).resolved.has_value());
  // An age that says nothing.
  clock_.Advance(-absl::Hours(1));
  EXPECT_FALSE(LookUp(Request()).resolved.has_value());
}

TEST_F(TreeLookupTest, OfflineOldRefsCountAndOtherTreesAreNamed) {
  PublishRefs();
  PublishTree(kCommit);
  clock_.Advance(absl::Hours(2));
  TreeRequest offline = Request();
  offline.offline = true;
  EXPECT_TRUE(LookUp(offline).result.has_value());
  offline.refresh = true;
  EXPECT_TRUE(LookUp(offline).result.has_value());
  offline.spec.ref = "other";
  KnownTree known = LookUp(offline);
  EXPECT_FALSE(known.result.has_value());
  ASSERT_EQ(known.others.size(), 1u);
  EXPECT_EQ(known.others[0].commit, kCommit);
  EXPECT_EQ(known.others[0].ref, "main");
}

TEST_F(TreeLookupTest, OfflineACommitThatNoRefNamesIsFoundByItsBeginning) {
  PublishRefs();
  const std::string left = "cccc" + std::string(36, '0');
  PublishTree(left);
  TreeRequest offline = Request("cccc");
  EXPECT_FALSE(LookUp(offline).result.has_value());
  offline.offline = true;
  ASSERT_TRUE(LookUp(offline).result.has_value());
  EXPECT_EQ(LookUp(offline).result->tree.key.commit, left);
  EXPECT_EQ(LookUp(offline).result->ref, "cccc");
  // Of two it may mean either.
  PublishTree("cccc" + std::string(36, '1'));
  KnownTree known = LookUp(offline);
  EXPECT_FALSE(known.result || known.resolved);
  ASSERT_EQ(known.others.size(), 2u);
  EXPECT_EQ(known.others[0].ref, "");
}

TEST_F(TreeLookupTest, OfflineAnImportIsServedByTheNameOfItsDirectory) {
  PublishImport("main", kCommit, absl::Hours(3));
  PublishImport("ci_x", kOther, absl::Hours(9));
  for (const auto& [ref, commit, shown] :
       std::vector<std::tuple<std::string, std::string, std::string>>{
           {"", kCommit, "main"},
           {"main", kCommit, "main"},
           {"refs/heads/main", kCommit, "refs/heads/main"},
           {"ci/x", kOther, "ci/x"},
           {"ci_x", kOther, "ci_x"}}) {
    TreeRequest request = Request(ref);
    EXPECT_FALSE(LookUp(request).result || LookUp(request).resolved) << ref;
    request.offline = true;
    const std::optional<TreeResult> result = LookUp(request).result;
    ASSERT_TRUE(result.has_value()) << ref;
    EXPECT_EQ(result->tree.key.commit, commit) << ref;
    EXPECT_EQ(result->ref, shown);
    EXPECT_GE(result->stale_for, absl::Hours(3));
    EXPECT_EQ(result->warnings.size(), 1u);
  }
  TreeRequest other = Request("v1");
  other.offline = true;
  KnownTree known = LookUp(other);
  EXPECT_FALSE(known.result.has_value());
  ASSERT_EQ(known.others.size(), 2u);
  EXPECT_EQ(known.others[1].ref, "main");
}

TEST_F(TreeLookupTest, WhatTheOriginGaveComesBeforeAnImport) {
  PublishImport("main", std::string(40, 'c'), absl::Hours(3));
  PublishRefs();
  TreeRequest offline = Request();
  offline.offline = true;
  EXPECT_EQ(LookUp(offline).result->tree.key.route, kImportRoute);
  PublishTree(kCommit);
  EXPECT_EQ(LookUp(offline).result->tree.key.commit, kCommit);
  EXPECT_EQ(LookUp(offline).result->stale_for, absl::ZeroDuration());
}

TEST_F(TreeLookupTest, OfTwoImportsOfARefTheYoungerOneIsMeant) {
  PublishImport("main", kCommit, absl::Hours(3));
  PublishImport("main", kOther, absl::Hours(9));
  TreeRequest offline = Request();
  offline.offline = true;
  EXPECT_EQ(LookUp(offline).result->tree.key.commit, kCommit);
}

TEST_F(TreeLookupTest, WhoDecidedOnACommitGetsNoImportOfThatName) {
  PublishImport(kCommit, kOther, absl::Hours(3));
  TreeRequest offline = Request(kCommit);
  offline.offline = true;
  EXPECT_TRUE(LookUp(offline).result.has_value());
  offline.pin = TreePin{.ref = "main"};
  EXPECT_FALSE(LookUp(offline).result.has_value());
}

TEST_F(TreeLookupTest, AnImportIsThereByWhatStandsForItsCommit) {
  const TreeObject import = PublishImport("main", kCommit, absl::Hours(3));
  EXPECT_EQ(LookUp(Request(kCommit)).result->tree.path, import.path);
  EXPECT_EQ(LookUp(Request(kCommit)).result->stale_for, absl::ZeroDuration());
}

TEST_F(TreeLookupTest, AFullCommitThatIsThereNeedsNoRefs) {
  PublishTree(kCommit);
  TreeRequest pinned = Request(kCommit);
  EXPECT_EQ(LookUp(pinned).result->ref, kCommit);
  pinned.refresh = true;
  EXPECT_TRUE(LookUp(pinned).result.has_value());
  EXPECT_FALSE(LookUp(Request(kOther)).resolved.has_value());
  TreeRequest unseen = Request(kOther);
  unseen.skip_validation = true;
  KnownTree known = LookUp(unseen);
  EXPECT_FALSE(known.result.has_value());
  EXPECT_EQ(known.resolved->commit, kOther);
}

}  // namespace
}  // namespace hubd
