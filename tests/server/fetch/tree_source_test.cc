#include "server/fetch/tree_source.h"

#include <memory>
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
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kCommit(40, 'a');

class TreeSourceTest : public FetchFixture {
 protected:
  absl::Status Fetch(const std::string& host) {
    FetchContext lent = context();
    lent.environment = environment_;
    const TreeKey key = KeyOfTree({host, "o", "n"}, kCommit);
    return FetchTreeBytes(
        lent, key, SourcesOfTree(mirrors_, key).front(),
        [this](absl::string_view bytes) {
          bytes_.append(bytes.data(), bytes.size());
          return sink_status_;
        },
        flight_);
  }

  void RefuseArchive(int status) {
    FakeHttpTransport::Answer answer;
    answer.response.status = status;
    http_.Set("https://github.com/o/n/archive/" + kCommit + ".tar.gz", answer);
  }

  LentEnvironment environment_;
  FreeFlight flight_;
  std::string bytes_;
  absl::Status sink_status_;
};

TEST_F(TreeSourceTest, GitHubGivesArchives) {
  EXPECT_EQ(KeyOfTree({"github.com", "o", "n"}, kCommit).route, "archive");
  http_.Serve("https://github.com/o/n/archive/" + kCommit + ".tar.gz", "files");
  ASSERT_EQ(Fetch("github.com"), absl::OkStatus());
  EXPECT_EQ(bytes_, "files");
  EXPECT_EQ(flight_.reports().back().done_bytes, 5);
  EXPECT_TRUE(objects_.asked().empty());
}

TEST_F(TreeSourceTest, AMirrorServesWhatItsOriginServes) {
  const Mirrors mirrors({{"https://github.com/", {"https://m/g/"}},
                         {"https://git.example.org/", {"https://m/e/"}}},
                        absl::Seconds(3));
  const auto sources = [&](const std::string& host) {
    return SourcesOfTree(mirrors, KeyOfTree({host, "o", "n"}, kCommit));
  };
  const std::string path = "o/n/archive/" + kCommit + ".tar.gz";
  EXPECT_EQ(sources("github.com")[0].url, "https://m/g/" + path);
  EXPECT_EQ(sources("github.com")[1].url, "https://github.com/" + path);
  EXPECT_EQ(sources("git.example.org")[0].url, "https://m/e/o/n");
  EXPECT_EQ(sources("git.example.org")[1].url, "https://git.example.org/o/n");
  EXPECT_EQ(sources("other.example.org").size(), 1u);
}

TEST_F(TreeSourceTest, AnArchiveOfAMirrorHasLittleTimeToConnect) {
  mirrors_ =
      Mirrors({{"https://github.com/", {"https://m/"}}}, absl::Seconds(3));
  const std::string url = "https://m/o/n/archive/" + kCommit + ".tar.gz";
  http_.Serve(url, "files");
  ASSERT_EQ(Fetch("github.com"), absl::OkStatus());
  EXPECT_EQ(http_.requests().front().url, url);
  EXPECT_EQ(http_.requests().front().connect_timeout, absl::Seconds(3));
}

TEST_F(TreeSourceTest, OtherHostsAreAskedByGit) {
  EXPECT_EQ(KeyOfTree({"git.example.org", "o", "n"}, kCommit).route, "git");
  objects_.AnswerFiles("files");
  ASSERT_EQ(Fetch("git.example.org"), absl::OkStatus());
  EXPECT_EQ(bytes_, "files");
  EXPECT_EQ(flight_.reports().back().done_bytes, 5);
  EXPECT_THAT(objects_.asked(),
              ElementsAre("https://git.example.org/o/n " + kCommit));
  EXPECT_TRUE(ListDirectory(store_->layout().tmp())->empty());
}

TEST_F(TreeSourceTest, SaysWhatIsFetched) {
  objects_.AnswerFiles("files");
  ASSERT_TRUE(Fetch("git.example.org").ok());
  EXPECT_EQ(flight_.reports().back().subject,
            "git.example.org/o/n at aaaaaaaaaaaa");
}

TEST_F(TreeSourceTest, ErrorsComeAsTheyAre) {
  const absl::Status missing = ReasonError(Reason::kRefNotFound, "not there");
  objects_.AnswerFiles(missing);
  EXPECT_EQ(Fetch("git.example.org"), missing);
  FakeHttpTransport::Answer answer;
  answer.response.status = 404;
  http_.Set("https://github.com/o/n/archive/" + kCommit + ".tar.gz", answer);
  EXPECT_EQ(ReasonOf(Fetch("github.com")), Reason::kRefNotFound);
  sink_status_ = absl::DataLossError("full");
  objects_.AnswerFiles("files");
  EXPECT_EQ(Fetch("git.example.org"), sink_status_);
}

TEST_F(TreeSourceTest, APageIsNoArchive) {
  http_.Serve("https://github.com/o/n/archive/" + kCommit + ".tar.gz", "<html>",
              {{"content-type", "text/html; charset=utf-8"}});
  const absl::Status status = Fetch("github.com");
  EXPECT_EQ(ReasonOf(status), Reason::kUpstreamUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("HTML page"));
}

TEST_F(TreeSourceTest, WhatGitHubRefusesComesByGitForItsCaller) {
  environment_ = std::make_shared<const CallerEnvironment>();
  for (int status : {401, 403, 404, 429}) {
    bytes_.clear();
    RefuseArchive(status);
    objects_.AnswerFiles("files");
    ASSERT_EQ(Fetch("github.com"), absl::OkStatus());
    EXPECT_EQ(bytes_, "files");
    EXPECT_EQ(objects_.asked().back(),
              "https://github.com/o/n " + kCommit + " refused");
  }
}

TEST_F(TreeSourceTest, SaysWhatTheArchivesRefusalWasAndWhatWasTried) {
  environment_ = std::make_shared<const CallerEnvironment>();
  RefuseArchive(404);
  objects_.AnswerFiles(
      ReasonError(Reason::kUpstreamForbidden, "GITHUB_TOKEN was refused"));
  const absl::Status status = Fetch("github.com");
  EXPECT_EQ(ReasonOf(status), Reason::kRefNotFound);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("HTTP 404"), HasSubstr("GITHUB_TOKEN")));
  objects_.AnswerFiles(ReasonError(Reason::kDiskFull, "full"));
  EXPECT_EQ(ReasonOf(Fetch("github.com")), Reason::kDiskFull);
}

TEST_F(TreeSourceTest, WhatNobodyLendsForIsAskedForOnce) {
  RefuseArchive(404);
  EXPECT_EQ(ReasonOf(Fetch("github.com")), Reason::kRefNotFound);
  environment_ = std::make_shared<const CallerEnvironment>();
  RefuseArchive(500);
  EXPECT_EQ(ReasonOf(Fetch("github.com")), Reason::kUpstreamUnavailable);
  EXPECT_TRUE(objects_.asked().empty());
}

}  // namespace
}  // namespace hubd
