#include "client/cli/commands_trust.h"

#include <gmock/gmock.h>

#include "absl/time/clock.h"
#include "tests/client/cli/hubctl_fixture.h"

namespace hubd {
namespace {

using ::testing::HasSubstr;

TEST_F(HubctlTest, TrustLsShowsTheDecisions) {
  v1::TrustEntry& general = daemon_.entries.emplace_back();
  general.set_repo("github.com/a/b");
  general.set_created_at(absl::ToUnixSeconds(absl::Now()));
  v1::TrustEntry& special = daemon_.entries.emplace_back(general);
  special.set_hub_dir("/h");
  EXPECT_EQ(Hubctl({"trust", "ls"}).out,
            "REPO            SINCE     FOR\n"
            "github.com/a/b  just now  all\n"
            "github.com/a/b  just now  /h\n");
  EXPECT_THAT(Hubctl({"trust", "ls", "--json"}).out,
              HasSubstr("\"hub_dir\": \"/h\""));
}

TEST_F(HubctlTest, TrustLsSaysThatThereIsNone) {
  const Ended ended = Hubctl({"trust", "ls"});
  EXPECT_EQ(ended.code, 0);
  EXPECT_EQ(ended.out, "");
  EXPECT_EQ(ended.err, "You trust no repo.\n");
}

TEST_F(HubctlTest, TrustAddAndRmSayWhatTheyDid) {
  EXPECT_EQ(Hubctl({"trust", "add", "a/b"}).err,
            "github.com/a/b is now trusted\n");
  EXPECT_EQ(Hubctl({"trust", "rm", "a/b"}).err, "a/b is no longer trusted\n");
  EXPECT_TRUE(daemon_.last_remove().everywhere());
  EXPECT_THAT(Hubctl({"trust", "add", "a/b", "--json"}).out,
              HasSubstr("\"added\": true"));
}

TEST_F(HubctlTest, TrustCheckTellsByItsExitCode) {
  EXPECT_EQ(Hubctl({"trust", "check", "a/b"}).code, 0);
  daemon_.trusted = false;
  const Ended ended = Hubctl({"trust", "check", "a/b", "--json"});
  EXPECT_EQ(ended.code, 4);
  EXPECT_THAT(ended.out, HasSubstr("\"trusted\": false"));
}

}  // namespace
}  // namespace hubd
