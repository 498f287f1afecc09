#include "server/fetch/ref_rules.h"

#include <string>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "server/base/status.h"

namespace hubd {
namespace {

std::string Commit(char digit) { return std::string(40, digit); }

Advertisement Remote() {
  return {"refs/heads/develop",
          {{"refs/heads/both", Commit('b')},
           {"refs/heads/develop", Commit('d')},
           {"refs/heads/feature/x", Commit('f')},
           {"refs/heads/main", Commit('a')},
           {"refs/heads/master", Commit('e')},
           {"refs/tags/both", Commit('c')},
           {"refs/tags/v1", Commit('1')}}};
}

RepoSpec Spec(const std::string& ref) {
  return {{"github.com", "owner", "name"}, ref};
}

struct Case {
  std::string ref;
  DefaultRef default_ref;
  bool skip_validation;
  // Name and commit; an empty commit: REF_NOT_FOUND.
  std::string name;
  std::string commit;
};

class ResolveRefTest : public testing::TestWithParam<Case> {};

TEST_P(ResolveRefTest, FollowsTheTable) {
  const Case& c = GetParam();
  absl::StatusOr<ResolvedRef> resolved =
      ResolveRef(Spec(c.ref), c.default_ref, c.skip_validation, Remote());
  if (c.commit.empty()) {
    EXPECT_EQ(ReasonOf(resolved.status()), Reason::kRefNotFound);
    return;
  }
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  EXPECT_EQ(resolved->ref, c.name);
  EXPECT_EQ(resolved->commit, c.commit);
}

constexpr DefaultRef kHead = DefaultRef::kHead;

INSTANTIATE_TEST_SUITE_P(
    Rules, ResolveRefTest,
    testing::Values(
        Case{"", DefaultRef::kHead, false, "develop", Commit('d')},
        Case{"", DefaultRef::kMainElseMaster, false, "main", Commit('a')},
        Case{"", DefaultRef::kMaster, false, "master", Commit('e')},
        Case{"v1", kHead, false, "v1", Commit('1')},
        Case{"refs/tags/both", kHead, false, "refs/tags/both", Commit('c')},
        Case{"feature/x", kHead, false, "feature/x", Commit('f')},
        Case{"both", kHead, false, "both", Commit('b')},
        Case{Commit('1'), kHead, false, Commit('1'), Commit('1')},
        Case{"1111111", kHead, false, "1111111", Commit('1')},
        Case{"111", kHead, false, "", ""},
        Case{Commit('9'), kHead, false, "", ""},
        Case{Commit('9'), kHead, true, Commit('9'), Commit('9')},
        Case{"9999999", kHead, true, "", ""},
        Case{"nothing", kHead, false, "", ""},
        Case{"Main", kHead, false, "", ""}));

TEST(RefRulesTest, ShortensNamesAndKnowsCommits) {
  EXPECT_EQ(ShortRefName("refs/heads/feature/x"), "feature/x");
  EXPECT_EQ(ShortRefName("refs/tags/v1"), "v1");
  EXPECT_EQ(ShortRefName("refs/pull/1"), "refs/pull/1");
  EXPECT_TRUE(MayBeCommit("0123"));
  EXPECT_TRUE(MayBeCommit(Commit('f')));
  for (const char* ref : {"", "012", "main", "ABCD"}) {
    EXPECT_FALSE(MayBeCommit(ref)) << ref;
  }
  EXPECT_FALSE(MayBeCommit(Commit('f') + "f"));
}

TEST(RefRulesTest, WarnsWhenANameIsBranchAndTag) {
  auto resolved = ResolveRef(Spec("both"), kHead, false, Remote());
  ASSERT_TRUE(resolved.ok());
  ASSERT_EQ(resolved->warnings.size(), 1u);
  EXPECT_TRUE(absl::StrContains(resolved->warnings[0], "refs/tags/both"));
  EXPECT_TRUE(resolved->ambiguous);
  EXPECT_FALSE(ResolveRef(Spec("v1"), kHead, false, Remote())->ambiguous);
}

TEST(RefRulesTest, UsesAUsualNameWhereHeadIsHidden) {
  Advertisement remote = Remote();
  remote.head.clear();
  EXPECT_EQ(ResolveRef(Spec(""), kHead, false, remote)->ref, "main");
}

TEST(RefRulesTest, SaysThatAnEmptyRepoHasNoDefaultBranch) {
  auto resolved = ResolveRef(Spec(""), kHead, false, Advertisement{});
  EXPECT_EQ(ReasonOf(resolved.status()), Reason::kRefNotFound);
  EXPECT_TRUE(
      absl::StrContains(resolved.status().message(), "no default branch"));
}

TEST(RefRulesTest, RefusesAPrefixOfTwoCommits) {
  Advertisement remote;
  remote.refs = {{"refs/heads/x", "abcd1" + std::string(35, '0')},
                 {"refs/heads/y", "abcd2" + std::string(35, '0')}};
  auto resolved = ResolveRef(Spec("abcd"), kHead, false, remote);
  EXPECT_EQ(ReasonOf(resolved.status()), Reason::kRefNotFound);
  EXPECT_TRUE(absl::StrContains(resolved.status().message(), "2 commits"));
}

}  // namespace
}  // namespace hubd
