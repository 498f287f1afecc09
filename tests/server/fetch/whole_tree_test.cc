#include "server/fetch/whole_tree.h"

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "tests/server/fetch/fetch_fixture.h"

namespace hubd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const RepoId kRepo = {"git.example.org", "o", "r"};

std::string Commit(char digit) { return std::string(40, digit); }

class WholeTreeTest : public FetchFixture {
 protected:
  WholeTreeTest() { HUBD_CHECK(MakeDirectories(tree_, 0755).ok()); }

  // A commit of any repo has these members below "t/".
  void AddCommit(char digit, const std::string& members) {
    archives_[Commit(digit)] = Gzip(TarFolder("t/") + members + TarEnd());
  }
  // One whose folder `path` is that of a submodule.
  void AddWithSubmodule(char digit, const std::string& path,
                        const std::string& commit, const std::string& url,
                        const std::string& more = "") {
    AddCommit(digit, TarFile("t/.gitmodules", "[submodule]\n") +
                         TarFolder("t/" + path) + more);
    objects_.AnswerSubmodules(Commit(digit),
                              std::vector<GitSubmodule>{{path, commit, url}});
  }
  absl::StatusOr<UnpackedTree> Fetch(const ArchiveLimits& limits = {}) {
    UnpackMeter meter(limits, {});
    FetchContext lending = context();
    lending.environment = std::make_shared<const CallerEnvironment>();
    return FetchWholeTree(
        lending, {kSharedDomain, kRepo, Commit('1'), "git"}, tree_,
        [&](const FetchContext& its, const TreeKey& key,
            const std::string& dir) -> absl::StatusOr<UnpackedTree> {
          asked_.push_back(key);
          if (its.environment != nullptr) lent_.push_back(key.repo.ToString());
          if (!failure_.ok() && key.repo != kRepo) return failure_;
          return UnpackTree(SourceOf(archives_.at(key.commit)), dir, meter);
        },
        meter, flight_);
  }
  std::string Content(const std::string& path) {
    return ReadFile(tree_ + "/" + path).value_or("no file");
  }
  void ExpectLeftOut(const std::string& path, const std::string& why) {
    const auto tree = Fetch();
    ASSERT_TRUE(tree.ok()) << tree.status();
    EXPECT_THAT(tree->warnings,
                ElementsAre(testing::AllOf(HasSubstr("the submodule \""),
                                           HasSubstr("is not in the tree"),
                                           HasSubstr(why))));
    EXPECT_THAT(*ListDirectory(tree_ + path), IsEmpty());
  }

  const std::string tree_ = temp_.path() + "/tree";
  std::map<std::string, std::string> archives_;
  std::vector<TreeKey> asked_;
  // For which the caller's environment was at hand.
  std::vector<std::string> lent_;
  absl::Status failure_;
  FreeFlight flight_;
};

TEST_F(WholeTreeTest, ATreeWithoutPointersIsAskedForOnce) {
  AddCommit('1', TarFile("t/hubconf.py", "x"));
  const auto tree = Fetch();
  ASSERT_TRUE(tree.ok()) << tree.status();
  EXPECT_EQ(tree->entry_count, 1);
  EXPECT_THAT(asked_, SizeIs(1));
  EXPECT_THAT(objects_.asked(), IsEmpty());
  EXPECT_THAT(http_.requests(), IsEmpty());
}

TEST_F(WholeTreeTest, FillsTheFoldersOfSubmodules) {
  AddWithSubmodule('1', "deep/lib", Commit('2'), "../lib.git",
                   TarFile("t/hubconf.py", "xx"));
  AddWithSubmodule('2', "inner", Commit('3'), "https://github.com/o/inner",
                   TarFile("t/lib.py", "lib"));
  AddCommit('3', TarFile("t/inner.py", "inner"));
  const auto tree = Fetch();
  ASSERT_TRUE(tree.ok()) << tree.status();
  EXPECT_EQ(Content("hubconf.py"), "xx");
  EXPECT_EQ(Content("deep/lib/lib.py"), "lib");
  // Other hosts are the repo's word alone.
  EXPECT_THAT(lent_,
              ElementsAre("git.example.org/o/r", "git.example.org/o/lib"));
  EXPECT_EQ(Content("deep/lib/inner/inner.py"), "inner");
  EXPECT_THAT(asked_,
              ElementsAre(TreeKey{kSharedDomain, kRepo, Commit('1'), "git"},
                          TreeKey{kSharedDomain,
                                  {"git.example.org", "o", "lib"},
                                  Commit('2'),
                                  "git"},
                          TreeKey{kSharedDomain,
                                  {"github.com", "o", "inner"},
                                  Commit('3'),
                                  "archive"}));
  EXPECT_EQ(tree->size_bytes, 2 + 3 + 5 + 2 * 12);
  EXPECT_EQ(tree->entry_count, 8);
  EXPECT_THAT(tree->warnings, IsEmpty());
  EXPECT_TRUE(ListDirectory(store_->layout().tmp())->empty());
}

TEST_F(WholeTreeTest, ResolvesLfsAgainstTheSubmodulesOwnRepo) {
  AddWithSubmodule('1', "lib", Commit('2'), "../lib");
  AddCommit('2',
            TarFile("t/w.pth",
                    absl::StrCat("version https://git-lfs.github.com/spec/v1"
                                 "\noid sha256:",
                                 std::string(64, 'a'), "\nsize 7\n")));
  FakeHttpTransport::Answer answer;
  answer.response.status = 404;
  http_.Set("https://git.example.org/o/lib.git/info/lfs/objects/batch", answer);
  const auto tree = Fetch();
  ASSERT_TRUE(tree.ok()) << tree.status();
  EXPECT_THAT(tree->warnings,
              ElementsAre(testing::AllOf(
                  HasSubstr("in the submodule \"lib\": of 1 file"),
                  HasSubstr("\"w.pth\""))));
}

TEST_F(WholeTreeTest, LeavesOutWhatIsNotToBeHad) {
  AddWithSubmodule('1', "lib", Commit('2'), "../lib");
  for (Reason reason : {Reason::kRepoNotFound, Reason::kRefNotFound,
                        Reason::kUpstreamForbidden, Reason::kUrlNotAllowed}) {
    HUBD_CHECK(RemoveAll(tree_).ok() && MakeDirectories(tree_, 0755).ok());
    failure_ = ReasonError(reason, "it is not public");
    ExpectLeftOut("/lib", "it is not public");
  }
}

TEST_F(WholeTreeTest, FailsWhereTheHostIsSilent) {
  AddWithSubmodule('1', "lib", Commit('2'), "../lib");
  failure_ = ReasonError(Reason::kUpstreamUnavailable, "silent");
  const absl::Status status = Fetch().status();
  EXPECT_EQ(ReasonOf(status), Reason::kUpstreamUnavailable);
  EXPECT_THAT(std::string(status.message()),
              testing::AllOf(HasSubstr("git.example.org/o/r"),
                             HasSubstr("\"lib\""), HasSubstr("silent")));
}

TEST_F(WholeTreeTest, AsksNoUrlButHttpsOnes) {
  for (const char* url : {"http://h/o/l", "git@h:o/l", "/srv/l", "o/l", ""}) {
    HUBD_CHECK(RemoveAll(tree_).ok() && MakeDirectories(tree_, 0755).ok());
    AddWithSubmodule('1', "lib", Commit('2'), url);
    ExpectLeftOut("/lib", "URL");
  }
  for (const TreeKey& key : asked_) EXPECT_EQ(key.repo, kRepo);
}

TEST_F(WholeTreeTest, WritesNowhereElse) {
  HUBD_CHECK(MakeDirectories(temp_.path() + "/x", 0755).ok());
  AddCommit('2', TarFile("t/evil", ""));
  const std::string links =
      TarFolder("t/real") + TarLink("t/link", "real") + TarFile("t/file", "");
  for (const char* path : {"../x", "/tmp", ".git/hooks", "a/.GIT", "link",
                           "link/a", "file", "file/a", "none", "."}) {
    HUBD_CHECK(RemoveAll(tree_).ok() && MakeDirectories(tree_, 0755).ok());
    AddCommit('1', TarFile("t/.gitmodules", "[submodule]\n") + links);
    objects_.AnswerSubmodules(
        Commit('1'), std::vector<GitSubmodule>{{path, Commit('2'), "../lib"}});
    ExpectLeftOut("/real", path);
  }
  EXPECT_THAT(*ListDirectory(temp_.path() + "/x"), IsEmpty());
  for (const TreeKey& key : asked_) EXPECT_EQ(key.repo, kRepo);
}

TEST_F(WholeTreeTest, WritesOverNothing) {
  AddCommit('2', TarFile("t/evil", ""));
  AddWithSubmodule('1', "lib", Commit('2'), "../lib",
                   TarFolder("t/other") + TarFile("t/lib/mine", "mine"));
  ExpectLeftOut("/other", "no empty folder");
  EXPECT_THAT(*ListDirectory(tree_ + "/lib"), ElementsAre("mine"));
}

TEST_F(WholeTreeTest, EndsEightDeep) {
  AddWithSubmodule('1', "lib", Commit('1'), "../r");
  const auto tree = Fetch();
  ASSERT_TRUE(tree.ok()) << tree.status();
  EXPECT_THAT(asked_, SizeIs(9));
  EXPECT_THAT(tree->warnings,
              ElementsAre(HasSubstr("nested more than 8 deep")));
}

TEST_F(WholeTreeTest, CountsTheWholeAgainstTheLimits) {
  AddWithSubmodule('1', "lib", Commit('2'), "../lib");
  AddCommit('2', TarFile("t/a", "12345"));
  const absl::Status status = Fetch({.max_bytes = 16}).status();
  EXPECT_EQ(ReasonOf(status), Reason::kBadArchive) << status;
  HUBD_CHECK(RemoveAll(tree_).ok() && MakeDirectories(tree_, 0755).ok());
  EXPECT_TRUE(Fetch({.max_bytes = 17}).ok());
}

TEST_F(WholeTreeTest, RefusesALinkThatLeavesThroughASubmodule) {
  // In words "lib/a/../../x" is "x"; with "lib/a" for "lib" it is above.
  AddWithSubmodule('1', "lib", Commit('2'), "../lib",
                   TarLink("t/link", "lib/a/../../x"));
  AddCommit('2', TarLink("t/a", "."));
  const absl::Status status = Fetch().status();
  EXPECT_EQ(ReasonOf(status), Reason::kBadArchive) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"link\""));
}

TEST_F(WholeTreeTest, SaysSoWhereSubmodulesCannotBeTold) {
  AddWithSubmodule('1', "lib", Commit('2'), "../lib");
  objects_.AnswerSubmodules(
      Commit('1'),
      ReasonError(Reason::kBadArchive, ".gitmodules cannot be read"));
  const auto tree = Fetch();
  ASSERT_TRUE(tree.ok()) << tree.status();
  EXPECT_THAT(tree->warnings,
              ElementsAre(testing::AllOf(HasSubstr("has submodules"),
                                         HasSubstr("cannot be read"))));
  HUBD_CHECK(RemoveAll(tree_).ok() && MakeDirectories(tree_, 0755).ok());
  objects_.AnswerSubmodules(
      Commit('1'), ReasonError(Reason::kUpstreamUnavailable, "silent"));
  EXPECT_EQ(ReasonOf(Fetch().status()), Reason::kUpstreamUnavailable);
}

TEST_F(WholeTreeTest, KeepsTheWarningsFew) {
  std::vector<GitSubmodule> submodules;
  for (int i = 0; i < 60; ++i) {
    submodules.push_back({absl::StrCat(i), Commit('2'), ""});
  }
  AddCommit('1', TarFile("t/.gitmodules", "[submodule]\n"));
  objects_.AnswerSubmodules(Commit('1'), submodules);
  const auto tree = Fetch();
  ASSERT_THAT(tree->warnings, SizeIs(51));
  EXPECT_THAT(tree->warnings.back(), HasSubstr("10 more"));
}

}  // namespace
}  // namespace hubd
