#include "client/cli/commands_repo.h"

#include <gmock/gmock.h>

#include "tests/client/cli/hubctl_fixture.h"

namespace hubd {
namespace {

using ::testing::HasSubstr;

TEST_F(HubctlTest, ListShowsNamesAndSummaries) {
  for (const char* name : {"_helper", "net", "resnet18"}) {
    v1::Entrypoint* entrypoint = daemon_.list.add_entrypoints();
    entrypoint->set_name(name);
    entrypoint->set_summary(std::string("About ") + name + "\x1b[31m.");
  }
  const Ended ended = Hubctl({"list", "hubd/sample"});
  EXPECT_EQ(ended.code, 0);
  EXPECT_EQ(ended.out,
            "net       About net\uFFFD[31m.\n"
            "resnet18  About resnet18\uFFFD[31m.\n");
  EXPECT_EQ(ended.err, "github.com/hubd/sample at main (1a2b3c4d5e6f)\n");
  EXPECT_EQ(daemon_.last_list().tree().repo(), "hubd/sample");
  EXPECT_FALSE(daemon_.last_list().tree().offline());
}

TEST_F(HubctlTest, ListMarksWhatTheRepoPrintedAndSaysHowOldTheRefIs) {
  daemon_.list.set_output("loading\x07\n");
  daemon_.list.mutable_tree()->set_stale_for_seconds(7200);
  *daemon_.list.mutable_tree()->add_warnings() = "the host is down";
  const Ended ended = Hubctl({"list", "hubd/sample", "--offline"});
  EXPECT_EQ(ended.err,
            "[hubd/sample] loading\uFFFD\n"
            "hubctl: warning: the host is down\n"
            "github.com/hubd/sample at main (1a2b3c4d5e6f), as its host said 2 "
            "hours ago\n"
            "It has no entrypoints.\n");
  EXPECT_TRUE(daemon_.last_list().tree().offline());
}

TEST_F(HubctlTest, ListGivesOneJsonDocument) {
  daemon_.list.add_entrypoints()->set_name("net");
  const Ended ended = Hubctl({"--json", "list", "hubd/sample"});
  EXPECT_EQ(ended.code, 0);
  EXPECT_EQ(ended.err, "");
  EXPECT_THAT(ended.out, HasSubstr("\"entrypoints\": ["));
  EXPECT_THAT(ended.out, HasSubstr("\"stale_for_seconds\": \"0\""));
}

TEST_F(HubctlTest, ListAsksTheChosenPython) {
  const Ended ended = Hubctl({"list", "a/b", "--python", "/none/python"});
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.err, HasSubstr("cannot run the Python /none/python"));
  EXPECT_EQ(daemon_.requests(), 0);
}

TEST_F(HubctlTest, HelpShowsSignatureAndDoc) {
  daemon_.help.set_signature("net(pretrained=False)");
  daemon_.help.set_doc("A net.\n\n    Indented.\x07\n");
  const Ended ended = Hubctl({"help", "hubd/sample", "net", "-q"});
  EXPECT_EQ(ended.code, 0);
  EXPECT_EQ(ended.out,
            "net(pretrained=False)\n\nA net.\n\n    Indented.\uFFFD\n");
  EXPECT_EQ(ended.err, "");
  EXPECT_EQ(daemon_.last_help().entrypoint(), "net");
}

TEST_F(HubctlTest, HelpSaysThatThereIsNoDoc) {
  const Ended ended = Hubctl({"help", "hubd/sample", "net"});
  EXPECT_EQ(ended.out, "net\n");
  EXPECT_THAT(ended.err, HasSubstr("no documentation"));
}

TEST_F(HubctlTest, LoadSaysWhereTheTreeIs) {
  EXPECT_EQ(Hubctl({"load", "hubd/sample", "net", "x=1"}).out,
            "path    /cache/store/trees/sample\n"
            "commit  1a2b3c4d5e6f7a8b9c0d1a2b3c4d5e6f7a8b9c0d\n"
            "ref     main\n");
  EXPECT_EQ(Hubctl({"load", "hubd/sample", "-q"}).out,
            "/cache/store/trees/sample\n");
  EXPECT_FALSE(daemon_.last_load().require_trust());
  EXPECT_THAT(Hubctl({"load", "hubd/sample", "--json"}).out,
              HasSubstr("\"path\": \"/cache/store/trees/sample\""));
}

}  // namespace
}  // namespace hubd
