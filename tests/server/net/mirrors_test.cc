#include "server/net/mirrors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "server/base/status.h"

namespace hubd {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> UrlsOf(const std::vector<Source>& sources) {
  std::vector<std::string> urls;
  for (const Source& source : sources) urls.push_back(source.url);
  return urls;
}

TEST(MirrorsTest, AUrlIsAskedForAtItsMirrorsAndThenAtItsOrigin) {
  const Mirrors mirrors(
      {{"https://github.com/", {"https://m/g/", "https://n/"}},
       {"https://github.com/big/", {"https://b/"}},
       {"https://github.com/O/One/", {"https://one/copy/"}},
       {"https://Files.org:443/Sub/", {"https://f:8443/s/"}},
       {"http://plain.org/", {"https://p/"}}},
      absl::Seconds(3));
  struct Case {
    const char* url;
    std::vector<std::string> asked;  // before the URL itself
  };
  const Case kCases[] = {
      {"https://github.com/o/r", {"https://m/g/o/r", "https://n/o/r"}},
      {"https://github.com/o/r/archive/1.tar.gz?x=/y",
       {"https://m/g/o/r/archive/1.tar.gz?x=/y",
        "https://n/o/r/archive/1.tar.gz?x=/y"}},
      {"https://github.com/", {"https://m/g/", "https://n/"}},
      // The longest beginning alone counts, wherever it stands.
      {"https://github.com/big/r", {"https://b/r"}},
      {"https://github.com/bigger/r",
       {"https://m/g/bigger/r", "https://n/bigger/r"}},
      // A repository's URL ends without a slash.
      {"https://github.com/o/one", {"https://one/copy"}},
      {"https://github.com/o/one/archive/1", {"https://one/copy/archive/1"}},
      {"https://github.com/o/one2", {"https://m/g/o/one2", "https://n/o/one2"}},
      // github.com knows no letter case, other hosts do in paths.
      {"HTTPS://GitHub.com/BIG/r", {"https://b/r"}},
      {"https://files.org/Sub/x", {"https://f:8443/s/x"}},
      {"https://files.org:443/Sub/x", {"https://f:8443/s/x"}},
      {"https://files.org/sub/x", {}},
      {"https://files.org:444/Sub/x", {}},
      {"https://files.org/Sub2/x", {}},
      {"https://github.com.evil.org/o/r", {}},
      {"http://github.com/o/r", {}},
      {"http://plain.org/x", {"https://p/x"}},
      // What leads up again would leave the mirror's own place.
      {"https://github.com/o/../../x", {}},
      {"https://github.com/o/%2E./x", {}},
      {"https://github.com/o/a..b?/../",
       {"https://m/g/o/a..b?/../", "https://n/o/a..b?/../"}},
      {"ssh://github.com/o/r", {}},
      {"/srv/git/r", {}},
  };
  for (const Case& c : kCases) {
    std::vector<std::string> wanted = c.asked;
    wanted.push_back(c.url);
    const std::vector<Source> sources = mirrors.SourcesOf(c.url);
    EXPECT_EQ(UrlsOf(sources), wanted) << c.url;
    EXPECT_EQ(mirrors.HasAny(c.url), !c.asked.empty()) << c.url;
    EXPECT_FALSE(sources.back().is_mirror);
    wanted.pop_back();
    wanted.insert(wanted.begin(), c.url);
    EXPECT_EQ(UrlsOf(mirrors.SourcesOf(c.url, true)), wanted) << c.url;
    EXPECT_FALSE(mirrors.SourcesOf(c.url, true).front().is_mirror);
  }
  EXPECT_FALSE(Mirrors().HasAny("https://github.com/o/r"));
}

TEST(MirrorsTest, OnlyAMirrorHasLittleTimeToConnect) {
  const Mirrors mirrors({{"https://h/", {"https://m/"}}}, absl::Seconds(3));
  const std::vector<Source> sources = mirrors.SourcesOf("https://h/x");
  EXPECT_TRUE(sources[0].is_mirror);
  EXPECT_EQ(sources[0].connect_timeout, absl::Seconds(3));
  EXPECT_FALSE(sources[1].connect_timeout.has_value());
}

TEST(MirrorsTest, APrefixIsTheBeginningOfSecureUrls) {
  for (const char* good : {"https://h/", "https://h:1/a/", "https://[::1]/"}) {
    EXPECT_TRUE(CheckMirrorPrefix(good, false).ok()) << good;
  }
  for (const char* bad :
       {"", "h/", "https://", "https://h", "https://h/a", "https://h/?a=/",
        "https://h/#/", "https://me@h/", "ssh://h/", "file:///srv/"}) {
    const absl::Status status = CheckMirrorPrefix(bad, true);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bad;
    EXPECT_THAT(std::string(status.message()), HasSubstr("up to a slash"));
  }
  EXPECT_TRUE(CheckMirrorPrefix("http://h/", true).ok());
  EXPECT_THAT(std::string(CheckMirrorPrefix("http://h/", false).message()),
              HasSubstr("net.allow_http"));
}

class AskInTurnTest : public ::testing::Test {
 protected:
  // What each source answers, in turn; asks no further than there are answers.
  absl::Status Ask(const std::vector<Source>& sources,
                   std::vector<absl::Status> answers) {
    asked_.clear();
    return AskInTurn(sources, [&](const Source& source) {
      asked_.push_back(source.url);
      return answers.at(asked_.size() - 1);
    });
  }

  const Mirrors mirrors_{{{"https://h/", {"https://m/", "https://n/"}}},
                         absl::Seconds(3)};
  const std::vector<Source> sources_ = mirrors_.SourcesOf("https://h/x");
  const std::vector<Source> origin_first_ =
      mirrors_.SourcesOf("https://h/x", true);
  std::vector<std::string> asked_;
};

TEST_F(AskInTurnTest, TheFirstThatGivesItEndsTheSearch) {
  EXPECT_TRUE(Ask(sources_, {absl::OkStatus()}).ok());
  EXPECT_THAT(asked_, ElementsAre("https://m/x"));
}

TEST_F(AskInTurnTest, WhateverAMirrorSaysInPlaceOfItTheNextIsAsked) {
  for (Reason reason :
       {Reason::kRepoNotFound, Reason::kRefNotFound, Reason::kRateLimited,
        Reason::kCheckpointNotFound, Reason::kUpstreamForbidden,
        Reason::kUpstreamUnavailable, Reason::kUrlNotAllowed,
        Reason::kInvalidUrl, Reason::kDigestMismatch, Reason::kBadArchive}) {
    EXPECT_TRUE(Ask(sources_, {ReasonError(reason, "no"),
                               ReasonError(reason, "no"), absl::OkStatus()})
                    .ok())
        << ReasonName(reason);
    EXPECT_THAT(asked_,
                ElementsAre("https://m/x", "https://n/x", "https://h/x"));
  }
}

TEST_F(AskInTurnTest, WhatIsNobodysAnswerEndsTheSearch) {
  for (const absl::Status& status :
       {absl::CancelledError("stopped"), absl::InternalError("a bug"),
        ReasonError(Reason::kDiskFull, "full")}) {
    EXPECT_EQ(Ask(sources_, {status}), status);
  }
}

TEST_F(AskInTurnTest, TheErrorIsTheOriginsAndNamesTheMirrors) {
  const absl::Status status =
      Ask(sources_,
          {ReasonError(Reason::kUpstreamForbidden, "go away",
                       {{"http_status", "403"}}),
           ReasonError(Reason::kUpstreamUnavailable, "dead",
                       {{"cause", "connect"}}),
           ReasonError(Reason::kRepoNotFound, "no such repo", {{"url", "u"}})});
  EXPECT_EQ(status,
            ReasonError(Reason::kRepoNotFound,
                        "no such repo; its mirrors did not help: https://m/x "
                        "(HTTP 403), https://n/x (connect)",
                        {{"url", "u"}}));
  EXPECT_THAT(
      std::string(Ask(sources_, {ReasonError(Reason::kBadArchive, "damaged"),
                                 absl::CancelledError("stopped")})
                      .message()),
      AllOf(HasSubstr("stopped"), Not(HasSubstr("mirrors"))));
}

TEST_F(AskInTurnTest, MirrorsStandInForASilentOriginOnly) {
  const absl::Status silent = ReasonError(Reason::kUpstreamUnavailable, "dead");
  EXPECT_TRUE(Ask(origin_first_, {silent, absl::OkStatus()}).ok());
  EXPECT_THAT(asked_, ElementsAre("https://h/x", "https://m/x"));
  EXPECT_TRUE(Ask(origin_first_,
                  {ReasonError(Reason::kRateLimited, "busy"), absl::OkStatus()})
                  .ok());
  const absl::Status gone = ReasonError(Reason::kRepoNotFound, "gone");
  EXPECT_EQ(Ask(origin_first_, {gone}), gone);
  const absl::Status none = Ask(origin_first_, {silent, gone, gone});
  EXPECT_EQ(ReasonOf(none), Reason::kUpstreamUnavailable);
  EXPECT_THAT(std::string(none.message()),
              HasSubstr("dead; its mirrors did not help: https://m/x"));
}

}  // namespace
}  // namespace hubd
