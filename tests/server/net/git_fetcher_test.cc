#include "server/net/git_fetcher.h"

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "server/net/curl_transport.h"
#include "tests/server/net/git_repository.h"
#include "tests/server/net/test_server.h"
#include "tests/testing/child_process.h"

namespace hubd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class GitFetcherTest : public testing::Test {
 protected:
  absl::StatusOr<std::string> FindCommit(const std::string& prefix,
                                         const std::string& path = "/git/o/r") {
    return fetcher()->FindCommit({server_.Url(path), environment_}, prefix,
                                 MakeTempDirectory(), stop_.get_token());
  }

  // Unpacks the files of a commit; the folder that they are in.
  absl::StatusOr<std::string> FetchFiles(const std::string& commit,
                                         const std::string& path = "/git/o/r") {
    const std::string directory = MakeTempDirectory();
    std::string archive;
    HUBD_RETURN_IF_ERROR(fetcher()->FetchFiles(
        {server_.Url(path), environment_, /*refused=*/false, exported_}, commit,
        MakeTempDirectory(), [this](int64_t bytes) { received_ = bytes; },
        [&](absl::string_view bytes) {
          absl::StrAppend(&archive, bytes);
          return sink_status_;
        },
        stop_.get_token()));
    const std::string file = directory + "/archive";
    HUBD_RETURN_IF_ERROR(WriteFileDurably(file, archive, 0600));
    HUBD_CHECK(RunProgram({"tar", "-xzf", file, "-C", directory}).value() == 0);
    return directory + "/tree";
  }

  std::unique_ptr<GitFetcher> fetcher() {
    return CreateGitFetcher(*http_, options_);
  }

  const std::string root_ = MakeTempDirectory();
  const GitRepository repository_{root_, "o/r"};
  TestServer server_{{"--git", root_}};
  std::unique_ptr<HttpTransport> http_ =
      CreateCurlTransport({}, MakePolicy()).value();
  GitFetcherOptions options_;
  std::stop_source stop_;
  absl::Status sink_status_;
  int64_t received_ = 0;
  LentEnvironment environment_;
  bool exported_ = false;
};

TEST_F(GitFetcherTest, FindsCommitsBeforeABranchOrTag) {
  const std::string first = repository_.Commit("main", "a", "one");
  const std::string second = repository_.Commit("main", "a", "two");
  const std::string other = repository_.Commit("other", "a", "three");
  repository_.Git({"tag", "-a", "-m", "x", "kept", other});
  repository_.Git({"update-ref", "-d", "refs/heads/other"});
  for (const std::string& commit : {first, second, other}) {
    EXPECT_EQ(FindCommit(commit).value_or("none"), commit);
    EXPECT_EQ(FindCommit(commit.substr(0, 10)).value_or("none"), commit);
  }
}

TEST_F(GitFetcherTest, DoesNotFindWhatNoBranchOrTagLeadsTo) {
  repository_.Commit("main", "a", "one");
  // As a host serves a fork's commit: the object is there, under another ref.
  const std::string forked = repository_.Commit("fork", "a", "two");
  repository_.Git({"update-ref", "refs/pull/1/head", forked});
  repository_.Git({"update-ref", "-d", "refs/heads/fork"});
  for (const std::string& commit : {forked, forked.substr(0, 8)}) {
    const absl::Status status = FindCommit(commit).status();
    EXPECT_EQ(ReasonOf(status), Reason::kRefNotFound) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("may be a fork's"));
  }
  EXPECT_EQ(ReasonOf(FindCommit("abcd", "/git/o/missing").status()),
            Reason::kRepoNotFound);
}

TEST_F(GitFetcherTest, WantsMoreDigitsWhereSeveralBeginSo) {
  // There are sixteen first digits.
  std::set<char> digits;
  std::string shared;
  for (int i = 0; shared.empty(); ++i) {
    const std::string commit = repository_.Commit("main", "a", absl::StrCat(i));
    if (!digits.insert(commit[0]).second) shared = commit.substr(0, 1);
  }
  const absl::Status status = FindCommit(shared).status();
  EXPECT_EQ(ReasonOf(status), Reason::kRefNotFound) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("write more digits"));
}

TEST_F(GitFetcherTest, FetchesTheFilesOfOneCommit) {
  const std::string first = repository_.Commit("main", "a", "one");
  repository_.Commit("main", "a", "two");
  absl::StatusOr<std::string> tree = FetchFiles(first);
  ASSERT_EQ(tree.status(), absl::OkStatus());
  EXPECT_EQ(ReadFile(*tree + "/a").value_or(""), "one");
  EXPECT_GT(received_, 100);
}

TEST_F(GitFetcherTest, FetchesWhatIsPrivateForItsCaller) {
  const std::string commit = repository_.Commit("main", "a", "one");
  const std::string path = "/basic/me:x/git/o/r";
  EXPECT_EQ(ReasonOf(FetchFiles(commit, path).status()), Reason::kRepoNotFound);
  const std::string home = MakeTempDirectory();
  ASSERT_EQ(WriteFileDurably(home + "/.netrc",
                             "machine 127.0.0.1 login me password x\n", 0600),
            absl::OkStatus());
  environment_ = std::make_shared<const CallerEnvironment>(
      CallerEnvironment{{"HOME", home}});
  absl::StatusOr<std::string> tree = FetchFiles(commit, path);
  ASSERT_EQ(tree.status(), absl::OkStatus());
  EXPECT_EQ(ReadFile(*tree + "/a").value_or(""), "one");
  EXPECT_EQ(FindCommit(commit, path).value_or("none"), commit);
}

TEST_F(GitFetcherTest, FetchesAnArchivesFilesWhereTheyAreWanted) {
  const std::string commit = repository_.Commit(
      "main", ".gitattributes", ".gitattributes export-ignore\n");
  exported_ = true;
  absl::StatusOr<std::string> tree = FetchFiles(commit);
  ASSERT_EQ(tree.status(), absl::OkStatus());
  EXPECT_FALSE(IsThere(*tree + "/.gitattributes"));
}

TEST_F(GitFetcherTest, FetchesWhatIsUnderTheNameWithItsSuffixAlone) {
  const std::string commit = repository_.Commit("main", "a", "one");
  for (const char* path : {"/suffix/o/r", "/to-suffix/o/r"}) {
    EXPECT_EQ(FetchFiles(commit, path).status(), absl::OkStatus());
    EXPECT_EQ(FindCommit(commit, path).value_or("none"), commit);
  }
}

TEST_F(GitFetcherTest, FetchesAnyCommitOfARepositoryOnThisMachine) {
  const std::string url = "file://" + root_ + "/o/r";
  const std::string first = repository_.Commit("main", "a", "one");
  repository_.Commit("main", "a", "two");
  std::string archive;
  EXPECT_EQ(fetcher()->FetchFiles(
                {url}, first, MakeTempDirectory(), [](int64_t) {},
                [&](absl::string_view bytes) {
                  absl::StrAppend(&archive, bytes);
                  return absl::OkStatus();
                },
                stop_.get_token()),
            absl::OkStatus());
  EXPECT_GT(archive.size(), 100u);
  EXPECT_EQ(fetcher()
                ->FindCommit({url}, first.substr(0, 8), MakeTempDirectory(),
                             stop_.get_token())
                .value_or("none"),
            first);
}

TEST_F(GitFetcherTest, LeavesOutNothingThatIsNotForExport) {
  const std::string commit = repository_.Commit(
      "main", ".gitattributes", ".gitattributes export-ignore export-subst\n");
  absl::StatusOr<std::string> tree = FetchFiles(commit);
  ASSERT_EQ(tree.status(), absl::OkStatus());
  EXPECT_TRUE(IsThere(*tree + "/.gitattributes"));
}

TEST_F(GitFetcherTest, WritesFilesAsTheyAreWhateverTheTreeSays) {
  const std::string attributes =
      ".gitattributes text eol=crlf working-tree-encoding=UTF-16LE ident\n"
      "# $Id$\n";
  const std::string commit =
      repository_.Commit("main", ".gitattributes", attributes);
  absl::StatusOr<std::string> tree = FetchFiles(commit);
  ASSERT_EQ(tree.status(), absl::OkStatus());
  EXPECT_EQ(ReadFile(*tree + "/.gitattributes").value_or(""), attributes);
}

TEST_F(GitFetcherTest, ReportsACommitThatTheHostDoesNotHave) {
  repository_.Commit("main", "a", "one");
  const absl::Status status = FetchFiles(std::string(40, '1')).status();
  EXPECT_EQ(ReasonOf(status), Reason::kRefNotFound) << status;
}

TEST_F(GitFetcherTest, GivesUpAnAnswerThatEndsEarly) {
  for (const char* answer : {"-", "3030", "30303065756e7061636b"}) {
    const absl::Status status =
        FetchFiles(std::string(40, '1'),
                   absl::StrCat("/replies/", answer, "/r"))
            .status();
    EXPECT_EQ(ReasonOf(status), Reason::kUpstreamUnavailable) << status;
    EXPECT_EQ(MetadataValue(status, "cause"), "protocol");
  }
}

TEST_F(GitFetcherTest, RefusesObjectsWhoseBytesAreOthers) {
  const std::string commit = repository_.Commit("main", "a", "one");
  const std::string blob = repository_.Git({"rev-parse", commit + ":a"});
  const std::string other = repository_.Commit("other", "a", "two");
  const std::string theirs = repository_.Git({"rev-parse", other + ":a"});
  const auto path = [&](const std::string& id) {
    return absl::StrCat(root_, "/o/r/objects/", id.substr(0, 2), "/",
                        id.substr(2));
  };
  HUBD_CHECK(RunProgram({"cp", "-f", path(theirs), path(blob)}).value() == 0);
  const absl::Status status = FetchFiles(commit).status();
  EXPECT_FALSE(status.ok());
}

class SubmodulesTest : public GitFetcherTest {
 protected:
  // A commit with a file and a link to `kLinked` at "deep/lib".
  std::string CommitLink() {
    repository_.Commit("main", "a", "one");
    repository_.Git({"update-index", "--add", "--cacheinfo", "160000", kLinked,
                     "deep/lib"});
    const std::string commit = repository_.Git(
        {"commit-tree", repository_.Git({"write-tree"}), "-m", "link"});
    repository_.Git({"update-ref", "refs/heads/main", commit});
    return commit;
  }
  absl::StatusOr<std::vector<GitSubmodule>> List(const std::string& commit,
                                                 const std::string& modules) {
    return fetcher()->ListSubmodules({server_.Url("/git/o/r")}, commit, modules,
                                     directory_, stop_.get_token());
  }

  const std::string kLinked = std::string(40, '7');
  const std::string directory_ = MakeTempDirectory();
};

TEST_F(SubmodulesTest, ListsTheLinksOfACommitWithTheirUrls) {
  const auto found = List(CommitLink(),
                          "[submodule \"x\"] # y\n\tpath = \"deep/lib\"\n"
                          "\turl = ../lib.git\n[include]\n\tpath = other\n");
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_THAT(*found,
              ElementsAre(GitSubmodule{"deep/lib", kLinked, "../lib.git"}));
}

TEST_F(SubmodulesTest, ReceivesNoFiles) {
  repository_.Git({"config", "uploadpack.allowFilter", "true"});
  const std::string commit = CommitLink();
  ASSERT_TRUE(List(commit, "").ok());
  EXPECT_EQ(
      RunProgram({"git", "-C", directory_, "cat-file", "-e", commit}).value(),
      0);
  // Not asked for behind git's back either.
  EXPECT_NE(RunProgram({"git", "-C", directory_, "-c", "protocol.allow=never",
                        "cat-file", "-e", commit + ":a"})
                .value(),
            0);
}

TEST_F(SubmodulesTest, SaysWhenGitCannotReadGitmodules) {
  const absl::Status status = List(CommitLink(), "[submodule\n").status();
  EXPECT_EQ(ReasonOf(status), Reason::kBadArchive) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(".gitmodules"));
}

TEST_F(SubmodulesTest, TakesNoMoreSettingsThanTheyNeed) {
  // A long name, printed with each of its many settings.
  std::string modules = "[submodule \"" + std::string(100000, 'x') + "\"]\n";
  for (int i = 0; i < 1000; ++i) absl::StrAppend(&modules, "\ta = b\n");
  const absl::Status status = List(CommitLink(), modules).status();
  EXPECT_EQ(ReasonOf(status), Reason::kBadArchive) << status;
}

TEST_F(SubmodulesTest, EndsWhenStopped) {
  const std::string commit = CommitLink();
  stop_.request_stop();
  EXPECT_TRUE(absl::IsCancelled(List(commit, "").status()));
}

TEST_F(SubmodulesTest, IncludesNoOtherFile) {
  const std::string other = MakeTempDirectory() + "/other";
  ASSERT_TRUE(WriteFileDurably(other,
                               "[submodule \"x\"]\npath = deep/lib\n"
                               "url = https://evil/o/r\n",
                               0644)
                  .ok());
  const auto found =
      List(CommitLink(), absl::StrCat("[include]\n\tpath = ", other, "\n"));
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->front().url, "");
}

TEST_F(SubmodulesTest, ReportsACommitThatTheHostDoesNotHave) {
  CommitLink();
  EXPECT_EQ(ReasonOf(List(std::string(40, '1'), "").status()),
            Reason::kRefNotFound);
}

TEST_F(GitFetcherTest, PassesOnTheErrorOfTheSink) {
  const std::string commit = repository_.Commit("main", "a", "one");
  sink_status_ = absl::DataLossError("full");
  EXPECT_EQ(FetchFiles(commit).status(), sink_status_);
}

TEST_F(GitFetcherTest, EndsWhenStopped) {
  const std::string commit = repository_.Commit("main", "a", "one");
  stop_.request_stop();
  EXPECT_EQ(FetchFiles(commit).status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(FindCommit(commit).status().code(), absl::StatusCode::kCancelled);
}

TEST_F(GitFetcherTest, EndsAtItsTimeout) {
  repository_.Commit("main", "a", "one");
  options_.timeout = absl::ZeroDuration();
  const absl::Status status = FindCommit("abcd").status();
  EXPECT_EQ(MetadataValue(status, "cause"), "timeout") << status;
}

}  // namespace
}  // namespace hubd
