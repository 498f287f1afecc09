#include "server/net/git_remote.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "server/net/curl_transport.h"
#include "tests/server/net/git_repository.h"
#include "tests/server/net/test_server.h"

namespace hubd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class GitRemoteTest : public testing::Test {
 protected:
  // Adds a commit to `branch`; its id.
  std::string Commit(const std::string& branch) {
    return repository_.Commit(branch, "file", "on " + branch);
  }

  absl::StatusOr<Advertisement> ListRefs(const std::string& path,
                                         GitRemoteOptions options = {}) {
    return CreateGitRemote(*http_, options)
        ->ListRefs({server_.Url(path)}, std::stop_token());
  }

  const std::string root_ = MakeTempDirectory();
  const GitRepository repository_{root_, "o/r"};
  TestServer server_{{"--git", root_}};
  std::unique_ptr<HttpTransport> http_ =
      CreateCurlTransport({}, MakePolicy()).value();
};

TEST_F(GitRemoteTest, ListsBranchesPeeledTagsAndHead) {
  const std::string main = Commit("main");
  const std::string other = Commit("a/other");
  repository_.Git({"tag", "light", main});
  repository_.Git({"tag", "-a", "-m", "x", "annotated", other});
  repository_.Git({"update-ref", "refs/pull/1/head", main});
  repository_.Git({"symbolic-ref", "HEAD", "refs/heads/a/other"});
  absl::StatusOr<Advertisement> got = ListRefs("/git/o/r");
  ASSERT_EQ(got.status(), absl::OkStatus());
  EXPECT_EQ(got->head, "refs/heads/a/other");
  EXPECT_EQ(got->moved_to, "");
  EXPECT_THAT(got->refs,
              ElementsAre(AdvertisedRef{"refs/heads/a/other", other},
                          AdvertisedRef{"refs/heads/main", main},
                          AdvertisedRef{"refs/tags/annotated", other},
                          AdvertisedRef{"refs/tags/light", main}));
}

TEST_F(GitRemoteTest, ListsNothingOfAnEmptyRepository) {
  absl::StatusOr<Advertisement> got = ListRefs("/git/o/r");
  ASSERT_EQ(got.status(), absl::OkStatus());
  EXPECT_EQ(*got, Advertisement());
}

TEST_F(GitRemoteTest, FollowsRedirectsToARenamedRepository) {
  const std::string main = Commit("main");
  absl::StatusOr<Advertisement> got = ListRefs("/moved/o/r");
  ASSERT_EQ(got.status(), absl::OkStatus());
  EXPECT_THAT(got->refs, ElementsAre(AdvertisedRef{"refs/heads/main", main}));
  EXPECT_EQ(got->moved_to, server_.Url("/git/o/r"));
}

TEST_F(GitRemoteTest, ListsWhatIsPrivateForItsCaller) {
  const std::string main = Commit("main");
  const std::string home = MakeTempDirectory();
  ASSERT_EQ(WriteFileDurably(home + "/.netrc",
                             "machine 127.0.0.1 login me password x\n", 0600),
            absl::OkStatus());
  GitSource source = {server_.Url("/basic/me:x/git/o/r"), nullptr};
  const std::unique_ptr<GitRemote> remote = CreateGitRemote(*http_, {});
  EXPECT_EQ(ReasonOf(remote->ListRefs(source, {}).status()),
            Reason::kRepoNotFound);
  source.environment = std::make_shared<const CallerEnvironment>(
      CallerEnvironment{{"HOME", home}});
  const absl::StatusOr<Advertisement> got = remote->ListRefs(source, {});
  ASSERT_EQ(got.status(), absl::OkStatus());
  EXPECT_THAT(got->refs, ElementsAre(AdvertisedRef{"refs/heads/main", main}));
}

TEST_F(GitRemoteTest, FindsWhatIsUnderTheNameWithItsSuffixAlone) {
  const std::string main = Commit("main");
  for (const char* path : {"/suffix/o/r", "/to-suffix/o/r"}) {
    absl::StatusOr<Advertisement> got = ListRefs(path);
    ASSERT_EQ(got.status(), absl::OkStatus());
    EXPECT_THAT(got->refs, ElementsAre(AdvertisedRef{"refs/heads/main", main}));
  }
  EXPECT_EQ(ListRefs("/suffix/o/r")->moved_to, "");
  // Which is the same repo: its name has no ".git".
  EXPECT_EQ(ListRefs("/to-suffix/o/r")->moved_to,
            server_.Url("/suffix/o/r.git"));
}

TEST_F(GitRemoteTest, ListsWhatIsOnThisMachine) {
  const std::string main = Commit("main");
  repository_.Git({"tag", "-a", "-m", "x", "v1", main});
  absl::StatusOr<Advertisement> got =
      CreateGitRemote(*http_, {})
          ->ListRefs({"file://" + root_ + "/o/r"}, std::stop_token());
  ASSERT_EQ(got.status(), absl::OkStatus());
  EXPECT_EQ(got->head, "refs/heads/main");
  EXPECT_EQ(got->moved_to, "");
  EXPECT_THAT(got->refs, ElementsAre(AdvertisedRef{"refs/heads/main", main},
                                     AdvertisedRef{"refs/tags/v1", main}));
  const GitRepository empty(root_, "o/e");
  got = CreateGitRemote(*http_, {})
            ->ListRefs({"file://" + root_ + "/o/e"}, std::stop_token());
  ASSERT_EQ(got.status(), absl::OkStatus());
  EXPECT_EQ(*got, Advertisement());
}

TEST_F(GitRemoteTest, ReportsWhatTheHostAnswers) {
  const struct {
    const char* path;
    Reason reason;
  } kCases[] = {
      {"/git/o/missing", Reason::kRepoNotFound},
      {"/status/404", Reason::kRepoNotFound},
      {"/status/401", Reason::kRepoNotFound},
      {"/status/403", Reason::kUpstreamForbidden},
      {"/status/429", Reason::kRateLimited},
      {"/status/500", Reason::kUpstreamUnavailable},
      {"/html", Reason::kUpstreamUnavailable},
      {"/page", Reason::kUpstreamUnavailable},
      {"/cut", Reason::kUpstreamUnavailable},
  };
  for (const auto& c : kCases) {
    absl::Status status = ListRefs(c.path).status();
    EXPECT_EQ(ReasonOf(status), c.reason) << c.path << status;
    EXPECT_THAT(MetadataValue(status, "url"), HasSubstr(c.path));
  }
  EXPECT_THAT(ListRefs("/html").status().ToString(), HasSubstr("text/html"));
}

TEST_F(GitRemoteTest, PassesOnTheErrorOfTheTransport) {
  http_ = CreateCurlTransport({}, MakePolicy({.system_mode = true})).value();
  EXPECT_EQ(ReasonOf(ListRefs("/git/o/r").status()), Reason::kUrlNotAllowed);
}

TEST_F(GitRemoteTest, RefusesALongAdvertisement) {
  Commit("main");
  absl::Status status = ListRefs("/git/o/r", {.max_bytes = 100}).status();
  EXPECT_EQ(ReasonOf(status), Reason::kUpstreamUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("over 100 bytes"));
}

TEST_F(GitRemoteTest, GivesUpOnAHostThatDoesNotAnswer) {
  absl::Status status =
      ListRefs("/silent", {.connect_timeout = absl::Milliseconds(200)})
          .status();
  EXPECT_EQ(MetadataValue(status, "cause"), "timeout") << status;
  status = ListRefs("/hang", {.timeout = absl::Milliseconds(200)}).status();
  EXPECT_EQ(ReasonOf(status), Reason::kUpstreamUnavailable) << status;
}

TEST_F(GitRemoteTest, StopsWhenAsked) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(CreateGitRemote(*http_, {})
                ->ListRefs({server_.Url("/git/o/r")}, stop.get_token())
                .status()
                .code(),
            absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace hubd
