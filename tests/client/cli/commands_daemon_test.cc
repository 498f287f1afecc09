#include "client/cli/commands_daemon.h"

#include <gmock/gmock.h>

#include "tests/client/cli/hubctl_fixture.h"

namespace hubd {
namespace {

using ::testing::HasSubstr;

TEST_F(HubctlTest, GetDirPrintsTheRoot) {
  EXPECT_EQ(Hubctl({"get-dir"}).out, "/cache\n");
  EXPECT_EQ(Hubctl({"get-dir", "--json"}).out, "{\n \"root\": \"/cache\"\n}\n");
}

TEST_F(HubctlTest, StatusShowsTheDaemon) {
  daemon_.status.set_pid(4711);
  daemon_.status.set_socket("/run/s");
  daemon_.status.set_sandbox("none");
  daemon_.status.set_sandbox_reason("no bubblewrap");
  daemon_.status.set_uptime_seconds(125);
  daemon_.status.set_usage_bytes(1900000000);
  daemon_.status.set_mode("user");
  EXPECT_EQ(Hubctl({"status"}).out,
            "version  0.1.0 (API revision 1)\n"
            "mode     user\n"
            "pid      4711\n"
            "root     /cache\n"
            "socket   /run/s\n"
            "sandbox  none: no bubblewrap\n"
            "uptime   2 m 5 s\n"
            "usage    1.9 GB\n"
            "jobs     0\n");
  const std::string json = Hubctl({"status", "--json"}).out;
  for (const char* field :
       {"version", "api_revision", "pid", "root", "socket", "sandbox",
        "uptime_seconds", "usage_bytes", "jobs"}) {
    EXPECT_THAT(json, HasSubstr("\"" + std::string(field) + "\":"));
  }
}

TEST_F(HubctlTest, WhoamiShowsWhomTheDaemonSees) {
  daemon_.status.mutable_caller()->set_uid(0);
  daemon_.status.mutable_caller()->set_gid(5);
  daemon_.status.mutable_caller()->set_pid(77);
  EXPECT_EQ(Hubctl({"whoami"}).out, "uid   0\nname  root\ngid   5\npid   77\n");
  EXPECT_THAT(Hubctl({"whoami", "--json"}).out, HasSubstr("\"pid\": 77"));
}

}  // namespace
}  // namespace hubd
