#include "server/fetch/tree_flight.h"

#include <string>

#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "tests/server/fetch/fetch_fixture.h"

namespace hubd {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kCommit(40, 'a');

class TreeFlightTest : public FetchFixture {
 protected:
  const TreeKey key_{
      kSharedDomain, {"github.com", "o", "n"}, kCommit, "archive"};
  const std::string url_ =
      "https://github.com/o/n/archive/" + kCommit + ".tar.gz";

  absl::StatusOr<Fetched> Refs(absl::Time since, FreeFlight& flight) {
    TreeRequest request;
    request.spec.id = key_.repo;
    return FetchRefs(context(), request, since, flight);
  }

  void ServeTar(const std::string& tar) { http_.Serve(url_, Gzip(tar)); }

  std::vector<std::string> Published() {
    auto names = ListDirectory(store_->layout().trees());
    return names.ok() ? *names : std::vector<std::string>();
  }
};

TEST_F(TreeFlightTest, PublishesTheArchiveAndReportsBytes) {
  ServeTar(TarFolder("n/") + TarFile("n/hubconf.py", "x = 1\n") + TarEnd());
  FreeFlight flight;
  auto fetched = FetchTreeFiles(context(), key_, flight);
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  const auto& tree = std::get<TreeObject>(fetched->object);
  EXPECT_EQ(*ReadFile(tree.path + "/hubconf.py"), "x = 1\n");
  EXPECT_EQ(tree.size_bytes, 6);
  ASSERT_FALSE(flight.reports().empty());
  EXPECT_EQ(flight.reports().back().done_bytes,
            flight.reports().back().total_bytes);
}

TEST_F(TreeFlightTest, ABadArchiveLeavesNothing) {
  ServeTar(TarFolder("n/") + TarFile("n/../evil", "x") + TarEnd());
  FreeFlight flight;
  auto fetched = FetchTreeFiles(context(), key_, flight);
  EXPECT_EQ(ReasonOf(fetched.status()), Reason::kBadArchive);
  EXPECT_TRUE(Published().empty());
  EXPECT_TRUE(ListDirectory(store_->layout().tmp())->empty());
}

TEST_F(TreeFlightTest, AnArchiveOfAnotherCommitIsRefused) {
  const std::string files =
      TarFolder("n/") + TarFile("n/hubconf.py", "x") + TarEnd();
  const std::string other(40, 'b');
  ServeTar(TarExtension('g', PaxRecord("comment", other)) + files);
  FreeFlight flight;
  const absl::Status refused = FetchTreeFiles(context(), key_, flight).status();
  EXPECT_EQ(ReasonOf(refused), Reason::kBadArchive);
  EXPECT_TRUE(absl::StrContains(refused.message(), other)) << refused;
  EXPECT_TRUE(Published().empty());
  ServeTar(TarExtension('g', PaxRecord("comment", kCommit)) + files);
  EXPECT_TRUE(FetchTreeFiles(context(), key_, flight).ok());
}

TEST_F(TreeFlightTest, ACutTransferLeavesNothingAndSaysWhatWasCut) {
  FakeHttpTransport::Answer answer;
  answer.response.status = 200;
  answer.body = Gzip(TarFolder("n/") + TarFile("n/a", "x") + TarEnd());
  answer.end = ReasonError(Reason::kUpstreamUnavailable, "cut");
  http_.Set(url_, answer);
  FreeFlight flight;
  auto fetched = FetchTreeFiles(context(), key_, flight);
  EXPECT_EQ(ReasonOf(fetched.status()), Reason::kUpstreamUnavailable);
  EXPECT_TRUE(absl::StrContains(fetched.status().message(), "cut"));
  EXPECT_TRUE(Published().empty());
}

TEST_F(TreeFlightTest, PublishesWhatComesByGit) {
  objects_.AnswerFiles(Gzip(TarFolder("tree/") +
                            TarFile("tree/hubconf.py", "x = 1\n") + TarEnd()));
  FreeFlight flight;
  const TreeKey key = {kSharedDomain, {"h", "o", "n"}, kCommit, "git"};
  auto fetched = FetchTreeFiles(context(), key, flight);
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  const auto& tree = std::get<TreeObject>(fetched->object);
  EXPECT_EQ(*ReadFile(tree.path + "/hubconf.py"), "x = 1\n");
  EXPECT_TRUE(absl::EndsWith(tree.path, ".git"));
}

TEST_F(TreeFlightTest, RefsYoungerThanTheQuestionAreTaken) {
  git_.Answer(Advertisement{"", {{"refs/heads/main", kCommit}}});
  FreeFlight flight;
  absl::Time before = clock_.Now();
  ASSERT_TRUE(Refs(before, flight).ok());
  ASSERT_TRUE(Refs(before, flight).ok());
  EXPECT_EQ(git_.calls(), 1);
  clock_.Advance(absl::Seconds(1));
  ASSERT_TRUE(Refs(clock_.Now(), flight).ok());
  EXPECT_EQ(git_.calls(), 2);
}

TEST_F(TreeFlightTest, AFailureWithoutAnOlderAnswerNamesTheRepo) {
  git_.Answer(ReasonError(Reason::kUpstreamUnavailable, "silent"));
  FreeFlight flight;
  absl::Status status = Refs(clock_.Now(), flight).status();
  EXPECT_EQ(ReasonOf(status), Reason::kUpstreamUnavailable);
  EXPECT_TRUE(absl::StrContains(status.message(), "github.com/o/n"));
}

const std::string kOther(40, 'b');
const std::string kOlder(40, 'c');
const absl::Status kSilent =
    ReasonError(Reason::kUpstreamUnavailable, "silent", {{"cause", "connect"}});

Advertisement Main(const std::string& commit) {
  return {"refs/heads/main", {{"refs/heads/main", commit}}};
}

// The mirror is behind: it has an older main, and lacks the tag.
class MirroredFlightTest : public TreeFlightTest {
 protected:
  MirroredFlightTest() {
    mirrors_ =
        Mirrors({{"https://github.com/", {"https://m/g/", "https://n/"}}},
                absl::Seconds(3));
    git_.AnswerAt(first_, Main(kOlder));
    git_.AnswerAt(second_, kSilent);
    git_.AnswerAt(origin_, newer_);
    request_.spec.id = key_.repo;
  }

  // What comes of asking anew: "" where it fails.
  std::string CommitOf(const std::string& ref) {
    absl::StatusOr<Fetched> fetched = Ask(ref);
    if (!fetched.ok()) return "";
    const auto& refs = std::get<RefsObject>(fetched->object).advertisement.refs;
    return refs.back().commit;
  }

  absl::StatusOr<Fetched> Ask(const std::string& ref) {
    clock_.Advance(absl::Seconds(1));
    request_.spec.ref = ref;
    return FetchRefs(context(), request_, clock_.Now(), flight_);
  }

  const std::string first_ = "https://m/g/o/n";
  const std::string second_ = "https://n/o/n";
  const std::string origin_ = "https://github.com/o/n";
  const Advertisement newer_ = {
      "refs/heads/main",
      {{"refs/heads/main", kCommit}, {"refs/tags/v2", kOther}}};
  TreeRequest request_;
  FreeFlight flight_;
};

TEST_F(MirroredFlightTest, AMirrorThatHasTheRefIsTheOnlyOneAsked) {
  EXPECT_EQ(CommitOf("main"), kOlder);
  EXPECT_EQ(CommitOf(""), kOlder);
  // Perhaps a commit before those that it names.
  EXPECT_EQ(CommitOf(std::string(40, 'd')), kOlder);
  EXPECT_THAT(git_.asked(), Each(first_));
}

TEST_F(MirroredFlightTest, ARefThatAMirrorLacksIsAskedOfTheNextSource) {
  EXPECT_EQ(CommitOf("v2"), kOther);
  EXPECT_THAT(git_.asked(), ElementsAre(first_, second_, origin_));
  // All of that answer is kept; who wants another ref asks mirrors first.
  EXPECT_EQ(CommitOf("main"), kOlder);
}

TEST_F(MirroredFlightTest, WithoutTheOriginWhatNoMirrorHasCannotBeTold) {
  git_.AnswerAt(origin_, kSilent);
  EXPECT_EQ(CommitOf("main"), kOlder);
  EXPECT_TRUE(std::get<RefsObject>(Ask("main")->object).moved_to ==
              std::nullopt);
  // With an older answer, it says so; that one lacks the ref too.
  absl::StatusOr<Fetched> stale = Ask("v2");
  ASSERT_TRUE(stale.ok()) << stale.status();
  EXPECT_EQ(ReasonOf(stale->silence), Reason::kUpstreamUnavailable);
  EXPECT_THAT(std::string(stale->silence.message()),
              HasSubstr("silent; its mirrors did not help: https://m/g/o/n "
                        "(REF_NOT_FOUND), https://n/o/n (connect)"));
}

TEST_F(MirroredFlightTest, TheBeginningOfACommitMayBeBeforeAMirrorsRefs) {
  EXPECT_EQ(CommitOf("bbbb"), kOther);  // what the origin's tag points to
  git_.AnswerAt(origin_, kSilent);
  EXPECT_EQ(CommitOf("dddd"), kOlder);
}

TEST_F(MirroredFlightTest, ARefreshIsTheOriginsWord) {
  request_.refresh = true;
  EXPECT_TRUE(Ask("main")->warnings.empty());
  EXPECT_THAT(git_.asked(), ElementsAre(origin_));
  git_.AnswerAt(origin_, kSilent);
  absl::StatusOr<Fetched> fetched = Ask("main");
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  EXPECT_TRUE(fetched->silence.ok());
  ASSERT_EQ(fetched->warnings.size(), 1u);
  EXPECT_THAT(fetched->warnings[0], HasSubstr("a mirror's answer"));
  git_.AnswerAt(origin_, ReasonError(Reason::kRepoNotFound, "gone"));
  EXPECT_EQ(ReasonOf(Ask("main").status()), Reason::kRepoNotFound);
}

TEST_F(MirroredFlightTest, WhatAnotherFlightJustGotServesWhereItHasTheRef) {
  ASSERT_TRUE(Ask("main").ok());
  const auto again = [&](const std::string& ref) {
    request_.spec.ref = ref;
    const int before = git_.calls();
    EXPECT_TRUE(FetchRefs(context(), request_, clock_.Now(), flight_).ok());
    return git_.calls() - before;
  };
  EXPECT_EQ(again("main"), 0);
  EXPECT_EQ(again("v2"), 3);
  // A mirror may have said it.
  request_.refresh = true;
  EXPECT_EQ(again("main"), 1);
}

TEST_F(MirroredFlightTest, WhereARepoMovedIsItsOriginsWord) {
  Advertisement elsewhere = Main(kOlder);
  elsewhere.moved_to = "https://m/g/evil/n";
  git_.AnswerAt(first_, elsewhere);
  EXPECT_EQ(std::get<RefsObject>(Ask("main")->object).repo, key_.repo);
  Advertisement moved = newer_;
  moved.moved_to = "https://github.com/p/n";
  git_.AnswerAt(origin_, moved);
  const RepoId there = {"github.com", "p", "n"};
  EXPECT_EQ(std::get<RefsObject>(Ask("v2")->object).repo, there);
  // A mirror is asked under the name that is known, and its answer is that
  // one's.
  git_.AnswerAt("https://m/g/p/n", Main(kOlder));
  absl::StatusOr<Fetched> fetched = Ask("main");
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  EXPECT_EQ(std::get<RefsObject>(fetched->object).repo, there);
  EXPECT_EQ(git_.asked().back(), "https://m/g/p/n");
}

TEST_F(MirroredFlightTest, AnArchiveThatFailsIsFetchedAnewFromTheNextSource) {
  const std::string path = "o/n/archive/" + kCommit + ".tar.gz";
  const std::string good =
      Gzip(TarFolder("n/") + TarFile("n/hubconf.py", "x = 1\n") + TarEnd());
  FakeHttpTransport::Answer cut;
  cut.response.status = 200;
  cut.body = good;
  cut.end = kSilent;
  http_.Set("https://m/g/" + path, cut);
  http_.Serve("https://n/" + path,
              Gzip(TarExtension('g', PaxRecord("comment", kOther)) +
                   TarFolder("n/") + TarFile("n/left_over", "x") + TarEnd()));
  http_.Serve(url_, good);
  auto fetched = FetchTreeFiles(context(), key_, flight_);
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  const auto& tree = std::get<TreeObject>(fetched->object);
  EXPECT_THAT(*ListDirectory(tree.path), ElementsAre("hubconf.py"));
  EXPECT_EQ(http_.requests().size(), 3u);
  EXPECT_TRUE(ListDirectory(store_->layout().tmp())->empty());
}

TEST_F(MirroredFlightTest, NoSourceGivesTheTree) {
  const absl::Status status = FetchTreeFiles(context(), key_, flight_).status();
  EXPECT_EQ(ReasonOf(status), Reason::kUpstreamUnavailable);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("cannot reach https://github.com/o/n/archive/"),
                    HasSubstr("did not help: https://m/g/o/n/archive/"),
                    HasSubstr("https://n/o/n/archive/")));
  EXPECT_TRUE(Published().empty());
}

TEST_F(MirroredFlightTest, ObjectsOfGitComeFromAMirrorToo) {
  mirrors_ = Mirrors({{"https://h/", {"https://m/"}}}, absl::Seconds(3));
  objects_.AnswerFiles(Gzip(TarFolder("tree/") +
                            TarFile("tree/hubconf.py", "x = 1\n") + TarEnd()));
  const TreeKey key = {kSharedDomain, {"h", "o", "n"}, kCommit, "git"};
  objects_.FailAt("https://m/o/n",
                  ReasonError(Reason::kRefNotFound, "not our ref"));
  ASSERT_TRUE(FetchTreeFiles(context(), key, flight_).ok());
  EXPECT_THAT(objects_.asked(), ElementsAre("https://m/o/n " + kCommit,
                                            "https://h/o/n " + kCommit));
}

}  // namespace
}  // namespace hubd
