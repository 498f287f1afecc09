#include "server/fetch/tree_operation.h"

#include <sys/stat.h>

#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "tests/server/base/memory_answers.h"
#include "tests/server/fetch/fetch_fixture.h"

namespace hubd {
namespace {

const std::string kCommit(40, 'a');
const std::string kOther(40, 'b');

class TreeOperationTest : public FetchFixture {
 protected:
  explicit TreeOperationTest(const FetchOptions& options = {})
      : FetchFixture(options) {
    git_.Answer(
        Advertisement{"refs/heads/main", {{"refs/heads/main", kCommit}}});
    ServeArchive(kCommit, "def f(): pass\n");
    ServeArchive(kOther, "def g(): pass\n");
  }

  void ServeArchive(const std::string& commit, const std::string& hubconf) {
    http_.Serve("https://github.com/o/n/archive/" + commit + ".tar.gz",
                Gzip(TarFolder("n-1/") + TarFile("n-1/hubconf.py", hubconf) +
                     TarEnd()));
  }

  static TreeRequest Request(const std::string& ref = "") {
    TreeRequest request;
    request.spec = {{"github.com", "o", "n"}, ref};
    return request;
  }

  static TreeRequest Lending(const std::string& token) {
    TreeRequest request = Request();
    request.environment = std::make_shared<const CallerEnvironment>(
        CallerEnvironment{{"GITHUB_TOKEN", token}});
    return request;
  }

  // As StartTree, and waits until a flight tells it of its progress.
  std::future<absl::StatusOr<TreeResult>> JoinTree(TreeRequest request) {
    return Join<TreeResult>([&](auto progress, auto done) {
      return fetcher_.FetchTree(std::move(request), progress, done);
    });
  }
};

TEST_F(TreeOperationTest, FetchesThenServesFromTheStore) {
  absl::StatusOr<TreeResult> first = FetchTree(Request());
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->ref, "main");
  EXPECT_EQ(first->tree.key.commit, kCommit);
  EXPECT_FALSE(first->cached);
  EXPECT_EQ(*ReadFile(first->tree.path + "/hubconf.py"), "def f(): pass\n");
  absl::StatusOr<TreeResult> second = FetchTree(Request());
  ASSERT_TRUE(second.ok());
  EXPECT_TRUE(second->cached);
  EXPECT_EQ(second->tree.path, first->tree.path);
  EXPECT_EQ(git_.calls(), 1);
  EXPECT_EQ(http_.requests().size(), 1u);
}

TEST_F(TreeOperationTest, GoesByTheCallersNetworkUnlessCallersAreNotHeeded) {
  TreeRequest request = Request();
  request.environment = std::make_shared<const CallerEnvironment>(
      CallerEnvironment{{"all_proxy", "p"}, {"HOME", "/h"}});
  ASSERT_TRUE(FetchTree(request).ok());
  EXPECT_EQ(*http_.requests()[0].network,
            (CallerEnvironment{{"all_proxy", "p"}}));
  FetchContext heedless = context();
  heedless.options.credentials.heeded = false;
  EXPECT_EQ(heedless.For(request.environment).network, nullptr);
  EXPECT_EQ(heedless.For(request.environment).environment, nullptr);
}

TEST_F(TreeOperationTest, AsksAgainWhenTheAnswerIsOldOrARefreshIsWanted) {
  ASSERT_TRUE(FetchTree(Request()).ok());
  git_.Answer(Advertisement{"refs/heads/main", {{"refs/heads/main", kOther}}});
  EXPECT_EQ(FetchTree(Request())->tree.key.commit, kCommit);
  TreeRequest refresh = Request();
  refresh.refresh = true;
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(FetchTree(refresh)->tree.key.commit, kOther);
  git_.Answer(Advertisement{"refs/heads/main", {{"refs/heads/main", kCommit}}});
  clock_.Advance(absl::Minutes(6));
  EXPECT_EQ(FetchTree(Request())->tree.key.commit, kCommit);
  EXPECT_EQ(git_.calls(), 3);
}

TEST_F(TreeOperationTest, AnAnswerFromBeforeTheClockWasSetBackIsNotFresh) {
  ASSERT_TRUE(FetchTree(Request()).ok());
  git_.Answer(Advertisement{"refs/heads/main", {{"refs/heads/main", kOther}}});
  clock_.Advance(-absl::Hours(24));
  EXPECT_EQ(FetchTree(Request())->tree.key.commit, kOther);
  EXPECT_EQ(FetchTree(Request())->tree.key.commit, kOther);
  EXPECT_EQ(git_.calls(), 2);
}

TEST_F(TreeOperationTest, ASilentHostIsAnsweredFromTheStoreAndMarkedStale) {
  ASSERT_TRUE(FetchTree(Request()).ok());
  clock_.Advance(absl::Hours(2));
  git_.Answer(ReasonError(Reason::kUpstreamUnavailable, "silent"));
  absl::StatusOr<TreeResult> stale = FetchTree(Request());
  ASSERT_TRUE(stale.ok()) << stale.status();
  EXPECT_EQ(stale->stale_for, absl::Hours(2));
  EXPECT_FALSE(stale->warnings.empty());
}

TEST_F(TreeOperationTest, AnAmbiguousRefIsMarkedAndToldFirst) {
  git_.Answer(Advertisement{"refs/heads/main",
                            {{"refs/heads/both", kCommit},
                             {"refs/heads/main", kOther},
                             {"refs/tags/both", kOther}}});
  EXPECT_FALSE(FetchTree(Request("main"))->ambiguous_ref);
  // The refs are known, then the tree too, then the origin is silent.
  EXPECT_TRUE(FetchTree(Request("both"))->ambiguous_ref);
  EXPECT_TRUE(FetchTree(Request("both"))->ambiguous_ref);
  clock_.Advance(absl::Hours(2));
  git_.Answer(ReasonError(Reason::kUpstreamUnavailable, "silent"));
  absl::StatusOr<TreeResult> stale = FetchTree(Request("both"));
  ASSERT_TRUE(stale.ok()) << stale.status();
  EXPECT_TRUE(stale->ambiguous_ref);
  ASSERT_EQ(stale->warnings.size(), 2u);
  EXPECT_TRUE(absl::StrContains(stale->warnings[0], "is ambiguous"));
}

TEST_F(TreeOperationTest, ASilentHostIsToldWhereTheOldAnswerLacksTheRef) {
  ASSERT_TRUE(FetchTree(Request()).ok());
  clock_.Advance(absl::Hours(2));
  git_.Answer(ReasonError(Reason::kUpstreamUnavailable, "silent"));
  EXPECT_EQ(ReasonOf(FetchTree(Request("v2")).status()),
            Reason::kUpstreamUnavailable);
}

TEST_F(TreeOperationTest, AnImportAnswersForASilentHostOnly) {
  TreeObject import;
  import.key = {kSharedDomain, Request().spec.id, std::string(40, 'c'),
                kImportRoute};
  import.imported = {"main", clock_.Now() - absl::Hours(5)};
  ASSERT_TRUE(store_->PublishTree(*store_->StageDirectory(), import).ok());
  const auto expect_import = [&] {
    absl::StatusOr<TreeResult> result = FetchTree(Request());
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->tree.key.route, kImportRoute);
    EXPECT_GE(result->stale_for, absl::Hours(5));
    EXPECT_TRUE(absl::StrContains(result->warnings.back(), "it is used"));
  };
  const auto answer = [&](const std::string& commit) {
    git_.Answer(
        Advertisement{"refs/heads/main", {{"refs/heads/main", commit}}});
    clock_.Advance(absl::Hours(2));
  };
  // It does not say where refs are; then it gives no files.
  git_.Answer(ReasonError(Reason::kUpstreamUnavailable, "silent"));
  expect_import();
  EXPECT_EQ(ReasonOf(FetchTree(Request("v2")).status()),
            Reason::kUpstreamUnavailable);
  answer(std::string(40, 'd'));
  expect_import();
  answer(kCommit);
  EXPECT_EQ(FetchTree(Request())->tree.key.commit, kCommit);
  EXPECT_EQ(FetchTree(Request())->stale_for, absl::ZeroDuration());
  // A host that says no is not silent.
  clock_.Advance(absl::Hours(2));
  git_.Answer(ReasonError(Reason::kRepoNotFound, "gone"));
  EXPECT_EQ(ReasonOf(FetchTree(Request()).status()), Reason::kRepoNotFound);
}

TEST_F(TreeOperationTest, ARepoThatIsGoneIsNotAnsweredFromTheStore) {
  ASSERT_TRUE(FetchTree(Request()).ok());
  clock_.Advance(absl::Hours(2));
  git_.Answer(ReasonError(Reason::kRepoNotFound, "gone"));
  EXPECT_EQ(ReasonOf(FetchTree(Request()).status()), Reason::kRepoNotFound);
}

TEST_F(TreeOperationTest, WithMirrorsWhatARepoLacksIsNotSaidOfAllOfIt) {
  mirrors_ =
      Mirrors({{"https://github.com/", {"https://m/"}}}, absl::Seconds(3));
  git_.AnswerAt("https://m/o/n", Advertisement{"refs/heads/main",
                                               {{"refs/heads/main", kCommit}}});
  git_.AnswerAt("https://github.com/o/n",
                ReasonError(Reason::kRepoNotFound, "gone"));
  EXPECT_EQ(ReasonOf(FetchTree(Request("v2")).status()), Reason::kRepoNotFound);
  absl::StatusOr<TreeResult> main = FetchTree(Request("main"));
  ASSERT_TRUE(main.ok()) << main.status();
  EXPECT_EQ(git_.calls(), 3);
  // It is remembered of what was asked for.
  EXPECT_EQ(ReasonOf(FetchTree(Request("v2")).status()), Reason::kRepoNotFound);
  EXPECT_EQ(git_.calls(), 3);
}

TEST_F(TreeOperationTest, ARefreshWithASilentOriginTellsThatAMirrorAnswered) {
  mirrors_ =
      Mirrors({{"https://github.com/", {"https://m/"}}}, absl::Seconds(3));
  git_.AnswerAt("https://github.com/o/n",
                ReasonError(Reason::kUpstreamUnavailable, "silent"));
  TreeRequest refresh = Request();
  refresh.refresh = true;
  absl::StatusOr<TreeResult> result = FetchTree(refresh);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->stale_for, absl::ZeroDuration());
  ASSERT_EQ(result->warnings.size(), 1u);
  EXPECT_TRUE(absl::StrContains(result->warnings[0], "a mirror's answer"));
}

TEST_F(TreeOperationTest, OfflineServesWhatIsThereAndNamesItOtherwise) {
  TreeRequest offline = Request();
  offline.offline = true;
  absl::Status nothing = FetchTree(offline).status();
  EXPECT_EQ(ReasonOf(nothing), Reason::kOfflineMiss);
  EXPECT_EQ(MetadataOf(nothing)["cached"], "");
  ASSERT_TRUE(FetchTree(Request()).ok());
  clock_.Advance(absl::Hours(2));
  EXPECT_TRUE(FetchTree(offline).ok());
  offline.spec.ref = "other";
  absl::Status other = FetchTree(offline).status();
  EXPECT_EQ(ReasonOf(other), Reason::kOfflineMiss);
  EXPECT_EQ(MetadataOf(other)["cached"], kCommit.substr(0, 12));
  EXPECT_TRUE(absl::StrContains(other.message(), "cached of that repo: main ("))
      << other;
  EXPECT_EQ(git_.calls(), 1);
}

TEST_F(TreeOperationTest, AFullCommitThatIsThereNeedsNoQuestion) {
  ASSERT_TRUE(FetchTree(Request()).ok());
  clock_.Advance(absl::Hours(2));
  absl::StatusOr<TreeResult> pinned = FetchTree(Request(kCommit));
  ASSERT_TRUE(pinned.ok());
  EXPECT_EQ(pinned->ref, kCommit);
  EXPECT_EQ(git_.calls(), 1);
}

TEST_F(TreeOperationTest, ACommitBeforeTheRefsIsLookedFor) {
  objects_.AnswerCommit(kOther);
  EXPECT_EQ(FetchTree(Request(kOther))->tree.key.commit, kOther);
  EXPECT_EQ(FetchTree(Request("bbbbbb"))->tree.key.commit, kOther);
  EXPECT_EQ(FetchTree(Request("bbbbbb"))->ref, "bbbbbb");
  // The whole commit, or enough of it, needs no second look.
  const size_t asked = objects_.asked().size();
  EXPECT_TRUE(FetchTree(Request(kOther)).ok());
  EXPECT_EQ(FetchTree(Request("bbbbbbb"))->tree.key.commit, kOther);
  EXPECT_EQ(objects_.asked().size(), asked);
}

TEST_F(TreeOperationTest, ACommitThatIsNotFoundIsLookedForOnce) {
  objects_.AnswerCommit(ReasonError(Reason::kRefNotFound, "a fork's"));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(ReasonOf(FetchTree(Request("bbbbbb")).status()),
              Reason::kRefNotFound);
  }
  EXPECT_EQ(objects_.asked().size(), 1u);
}

TEST_F(TreeOperationTest, AnUnadvertisedCommitNeedsSkipValidation) {
  objects_.AnswerCommit(ReasonError(Reason::kRefNotFound, "a fork's"));
  EXPECT_EQ(ReasonOf(FetchTree(Request(kOther)).status()),
            Reason::kRefNotFound);
  TreeRequest skip = Request(kOther);
  skip.skip_validation = true;
  EXPECT_TRUE(FetchTree(skip).ok());
}

class ManyUsersTest : public TreeOperationTest {
 protected:
  ManyUsersTest() : TreeOperationTest(Options()) {}

  static FetchOptions Options() {
    FetchOptions options;
    options.many_users = true;
    return options;
  }
};

TEST_F(TreeOperationTest, WhatItsUserTookUnseenIsThere) {
  objects_.AnswerCommit(ReasonError(Reason::kRefNotFound, "a fork's"));
  TreeRequest skip = Request(kOther);
  skip.skip_validation = true;
  ASSERT_TRUE(FetchTree(skip).ok());
  EXPECT_TRUE(FetchTree(Request(kOther)).ok());
  EXPECT_EQ(ReasonOf(FetchTree(Request(kOther.substr(0, 7))).status()),
            Reason::kRefNotFound);
}

TEST_F(ManyUsersTest, WhatWasTakenUnseenIsGivenToNobodyElse) {
  objects_.AnswerCommit(ReasonError(Reason::kRefNotFound, "a fork's"));
  TreeRequest skip = Request(kOther);
  skip.skip_validation = true;
  ASSERT_TRUE(FetchTree(skip).ok());
  EXPECT_TRUE(FetchTree(skip)->cached);
  EXPECT_EQ(fetcher_.LookInMemory(skip).has_value(),
            MemoryAnswers(store_->layout().store()));
  EXPECT_FALSE(fetcher_.LookInMemory(Request(kOther)).has_value());
  for (const std::string& ref : {kOther, kOther.substr(0, 7)}) {
    EXPECT_EQ(ReasonOf(FetchTree(Request(ref)).status()), Reason::kRefNotFound);
    TreeRequest offline = Request(ref);
    offline.offline = true;
    const absl::Status miss = FetchTree(offline).status();
    EXPECT_EQ(ReasonOf(miss), Reason::kOfflineMiss);
    EXPECT_TRUE(absl::StrContains(miss.message(), "not shown to be"));
  }
  // Once a branch leads there, it is as any other.
  git_.Answer(Advertisement{"refs/heads/main", {{"refs/heads/main", kOther}}});
  clock_.Advance(absl::Hours(2));
  EXPECT_EQ(FetchTree(Request())->tree.key.commit, kOther);
  git_.Answer(ReasonError(Reason::kUpstreamUnavailable, "silent"));
  clock_.Advance(absl::Hours(2));
  absl::StatusOr<TreeResult> shown = FetchTree(Request(kOther));
  ASSERT_TRUE(shown.ok()) << shown.status();
  EXPECT_TRUE(shown->cached);
}

TEST_F(TreeOperationTest, ARefPushedSinceTheLastAnswerIsFound) {
  ASSERT_TRUE(FetchTree(Request()).ok());
  git_.Answer(Advertisement{
      "refs/heads/main",
      {{"refs/heads/main", kCommit}, {"refs/heads/new", kOther}}});
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(FetchTree(Request("new"))->tree.key.commit, kOther);
}

TEST_F(TreeOperationTest, ARepoThatIsNotThereIsAskedForOnce) {
  git_.Answer(ReasonError(Reason::kRepoNotFound, "gone"));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(ReasonOf(FetchTree(Request()).status()), Reason::kRepoNotFound);
    EXPECT_EQ(ReasonOf(FetchTree(Request("v1")).status()),
              Reason::kRepoNotFound);
    EXPECT_EQ(git_.calls(), 1);
  }
  clock_.Advance(absl::Seconds(31));
  EXPECT_FALSE(FetchTree(Request()).ok());
  EXPECT_EQ(git_.calls(), 2);
  git_.Answer(Advertisement{"refs/heads/main", {{"refs/heads/main", kCommit}}});
  TreeRequest refresh = Request();
  refresh.refresh = true;
  EXPECT_TRUE(FetchTree(refresh).ok());
  // It is there after all, which counts for other refs too.
  git_.Answer(Advertisement{
      "refs/heads/main",
      {{"refs/heads/main", kCommit}, {"refs/heads/new", kOther}}});
  clock_.Advance(absl::Seconds(1));
  EXPECT_TRUE(FetchTree(Request("new")).ok());
}

TEST_F(TreeOperationTest, ARefThatIsNotThereIsAskedForOnce) {
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(ReasonOf(FetchTree(Request("new")).status()),
              Reason::kRefNotFound);
    clock_.Advance(absl::Seconds(1));
    EXPECT_EQ(git_.calls(), 1);
  }
  EXPECT_FALSE(FetchTree(Request("another")).ok());
  EXPECT_EQ(git_.calls(), 2);
  git_.Answer(Advertisement{
      "refs/heads/main",
      {{"refs/heads/main", kCommit}, {"refs/heads/new", kOther}}});
  EXPECT_FALSE(FetchTree(Request("new")).ok());
  clock_.Advance(absl::Seconds(31));
  EXPECT_EQ(FetchTree(Request("new"))->tree.key.commit, kOther);
}

TEST_F(TreeOperationTest, ARefreshAsksForWhatWasNotThere) {
  EXPECT_FALSE(FetchTree(Request("new")).ok());
  git_.Answer(Advertisement{
      "refs/heads/main",
      {{"refs/heads/main", kCommit}, {"refs/heads/new", kOther}}});
  clock_.Advance(absl::Seconds(1));
  TreeRequest refresh = Request("new");
  refresh.refresh = true;
  EXPECT_EQ(FetchTree(refresh)->tree.key.commit, kOther);
}

TEST_F(TreeOperationTest, SilenceIsNoNegativeAnswer) {
  git_.Answer(ReasonError(Reason::kUpstreamUnavailable, "silent"));
  EXPECT_FALSE(FetchTree(Request()).ok());
  EXPECT_FALSE(FetchTree(Request()).ok());
  EXPECT_EQ(git_.calls(), 2);
}

TEST_F(TreeOperationTest, AnAnswerThatIsYoungIsMarkedStaleToo) {
  ASSERT_TRUE(FetchTree(Request()).ok());
  clock_.Advance(absl::Milliseconds(1));
  git_.Answer(ReasonError(Reason::kUpstreamUnavailable, "silent"));
  TreeRequest refresh = Request();
  refresh.refresh = true;
  EXPECT_EQ(FetchTree(refresh)->stale_for, absl::Seconds(1));
}

TEST_F(TreeOperationTest, ARepoThatHasMovedIsOneRepo) {
  const std::string archive = "/archive/" + kCommit + ".tar.gz";
  http_.Serve(
      "https://github.com/new/n2" + archive,
      Gzip(TarFolder("n2-1/") + TarFile("n2-1/hubconf.py", "") + TarEnd()));
  Advertisement moved = {"refs/heads/main", {{"refs/heads/main", kCommit}}};
  moved.moved_to = "https://github.com/New/n2";
  git_.Answer(moved);
  absl::StatusOr<TreeResult> old_name = FetchTree(Request());
  ASSERT_TRUE(old_name.ok()) << old_name.status();
  EXPECT_EQ(old_name->tree.key.repo, (RepoId{"github.com", "new", "n2"}));
  // Both names know the refs.
  TreeRequest request = Request();
  EXPECT_TRUE(FetchTree(request)->cached);
  request.spec.id = {"github.com", "new", "n2"};
  EXPECT_EQ(FetchTree(request)->tree.path, old_name->tree.path);
  EXPECT_EQ(git_.calls(), 1);
  EXPECT_EQ(http_.requests().size(), 1u);
  // A silent host is answered for the old name too.
  clock_.Advance(absl::Hours(2));
  git_.Answer(ReasonError(Reason::kUpstreamUnavailable, "silent"));
  EXPECT_EQ(FetchTree(Request())->stale_for, absl::Hours(2));
  TreeRequest offline = Request("other");
  offline.offline = true;
  EXPECT_EQ(MetadataOf(FetchTree(offline).status())["cached"],
            kCommit.substr(0, 12));
}

TEST_F(TreeOperationTest, ATreeFromBeforeTheMoveIsStillThere) {
  ASSERT_TRUE(FetchTree(Request()).ok());
  Advertisement moved = {
      "refs/heads/main",
      {{"refs/heads/main", kCommit}, {"refs/heads/other", kOther}}};
  moved.moved_to = "https://github.com/new/n";
  git_.Answer(moved);
  clock_.Advance(absl::Hours(2));
  EXPECT_TRUE(FetchTree(Request())->cached);
  EXPECT_TRUE(FetchTree(Request(kCommit))->cached);
  // A commit of the old owner's needs no word; a ref is the new one's.
  std::vector<RepoId> judged;
  TreeRequest judging = Request(kCommit);
  judging.admit_moved = [&](const RepoId& repo) {
    judged.push_back(repo);
    return ReasonError(Reason::kRepoNotTrusted, "who is that");
  };
  EXPECT_TRUE(FetchTree(judging).ok());
  EXPECT_TRUE(judged.empty());
  for (const char* ref : {"", "main"}) {
    judging.spec.ref = ref;
    EXPECT_EQ(ReasonOf(FetchTree(judging).status()), Reason::kRepoNotTrusted);
  }
  judging.spec.ref = "other";
  absl::Status refused = FetchTree(judging).status();
  EXPECT_EQ(ReasonOf(refused), Reason::kRepoNotTrusted);
  EXPECT_TRUE(absl::StrContains(refused.message(), "has moved to")) << refused;
  judging.refresh = true;
  EXPECT_EQ(ReasonOf(FetchTree(judging).status()), Reason::kRepoNotTrusted);
  EXPECT_EQ(judged, (std::vector<RepoId>(4, {"github.com", "new", "n"})));
  EXPECT_EQ(http_.requests().size(), 1u);
}

TEST_F(TreeOperationTest, AMoveOfTheSameOwnerNeedsNoWord) {
  const std::string archive = "/archive/" + kCommit + ".tar.gz";
  http_.Serve(
      "https://github.com/o/n2" + archive,
      Gzip(TarFolder("n-1/") + TarFile("n-1/hubconf.py", "") + TarEnd()));
  Advertisement moved = {"refs/heads/main", {{"refs/heads/main", kCommit}}};
  moved.moved_to = "https://github.com/o/n2";
  git_.Answer(moved);
  TreeRequest judging = Request();
  judging.admit_moved = [](const RepoId&) {
    return ReasonError(Reason::kRepoNotTrusted, "who is that");
  };
  EXPECT_TRUE(FetchTree(judging).ok());
}

TEST_F(TreeOperationTest, ManyCallersShareOneFlight) {
  FakeHttpTransport::Answer answer;
  answer.response.status = 200;
  answer.body =
      Gzip(TarFolder("n-1/") + TarFile("n-1/hubconf.py", "") + TarEnd());
  answer.held = true;
  http_.Set("https://github.com/o/n/archive/" + kCommit + ".tar.gz", answer);
  std::vector<std::future<absl::StatusOr<TreeResult>>> results;
  for (int i = 0; i < 16; ++i) results.push_back(StartTree(Request()));
  http_.AwaitRequests(1);
  http_.Release();
  for (auto& result : results) EXPECT_TRUE(result.get().ok());
  EXPECT_EQ(git_.calls(), 1);
  EXPECT_EQ(http_.requests().size(), 1u);
}

TEST_F(TreeOperationTest, ARefusalIsForThoseWhoLendTheSame) {
  git_.Answer(ReasonError(Reason::kRepoNotFound, "private"));
  git_.AnswerTo("right", Advertisement{"refs/heads/main",
                                       {{"refs/heads/main", kCommit}}});
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(FetchTree(Request()).ok());
    EXPECT_FALSE(FetchTree(Lending("wrong")).ok());
  }
  EXPECT_EQ(git_.calls(), 2);
  EXPECT_TRUE(FetchTree(Lending("right")).ok());
  EXPECT_EQ(git_.calls(), 3);
}

TEST_F(TreeOperationTest, WhoIsRefusedInAnothersNameAsksInItsOwn) {
  git_.Answer(ReasonError(Reason::kRepoNotFound, "private"));
  git_.AnswerTo("right", Advertisement{"refs/heads/main",
                                       {{"refs/heads/main", kCommit}}});
  git_.Hold();
  auto wrong = JoinTree(Lending("wrong"));
  auto same = JoinTree(Lending("wrong"));
  auto right = JoinTree(Lending("right"));
  git_.Release();
  EXPECT_EQ(ReasonOf(wrong.get().status()), Reason::kRepoNotFound);
  EXPECT_EQ(ReasonOf(same.get().status()), Reason::kRepoNotFound);
  EXPECT_TRUE(right.get().ok());
  EXPECT_EQ(git_.calls(), 2);
}

TEST_F(TreeOperationTest, WhatIsPublicCostsOneQuestionWhateverIsLent) {
  git_.Hold();
  auto one = JoinTree(Lending("one"));
  auto other = JoinTree(Lending("other"));
  git_.Release();
  EXPECT_TRUE(one.get().ok());
  EXPECT_TRUE(other.get().ok());
  EXPECT_EQ(git_.calls(), 1);
}

TEST_F(TreeOperationTest, TheLastCallersLeavingStopsTheTransfer) {
  FakeHttpTransport::Answer answer;
  answer.response.status = 200;
  answer.body = std::string(1000, 'x');
  answer.held = true;
  http_.Set("https://github.com/o/n/archive/" + kCommit + ".tar.gz", answer);
  (void)StartTree(Request());
  http_.AwaitRequests(1);
  OnIo([this] { operations_.clear(); });
  EXPECT_EQ(flights_.size(), 0);
}

TEST_F(TreeOperationTest, APolicyThatForbidsTheHostIsHeeded) {
  policy_ = *UrlPolicy::Create({.system_mode = true});
  TreeRequest request = Request();
  request.spec.id.host = "user@evil";
  EXPECT_FALSE(FetchTree(request).ok());
  EXPECT_EQ(git_.calls(), 0);
}

}  // namespace
}  // namespace hubd
