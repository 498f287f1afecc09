#include "server/fetch/tree_flight.h"

#include <string>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "tests/server/fetch/fetch_fixture.h"

namespace hubd {
namespace {

const std::string kCommit(40, 'a');

class TreeFlightTest : public FetchFixture {
 protected:
  const TreeKey key_{
      kSharedDomain, {"github.com", "o", "n"}, kCommit, "archive"};
  const std::string url_ =
      "https://github.com/o/n/archive/" + kCommit + ".tar.gz";

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
  ASSERT_TRUE(FetchRefs(context(), key_.repo, before, flight).ok());
  ASSERT_TRUE(FetchRefs(context(), key_.repo, before, flight).ok());
  EXPECT_EQ(git_.calls(), 1);
  clock_.Advance(absl::Seconds(1));
  ASSERT_TRUE(FetchRefs(context(), key_.repo, clock_.Now(), flight).ok());
  EXPECT_EQ(git_.calls(), 2);
}

TEST_F(TreeFlightTest, AFailureWithoutAnOlderAnswerNamesTheRepo) {
  git_.Answer(ReasonError(Reason::kUpstreamUnavailable, "silent"));
  FreeFlight flight;
  absl::Status status =
      FetchRefs(context(), key_.repo, clock_.Now(), flight).status();
  EXPECT_EQ(ReasonOf(status), Reason::kUpstreamUnavailable);
  EXPECT_TRUE(absl::StrContains(status.message(), "github.com/o/n"));
}

}  // namespace
}  // namespace hubd
