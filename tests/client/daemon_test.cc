#include "client/daemon.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <atomic>
#include <thread>
#include <vector>

#include "client/root.h"
#include "server/base/fs.h"
#include "tests/client/fake_daemon.h"
#include "tests/client/started_daemons.h"

namespace hubd {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

// Which of three sockets is connected: the peer's address tells.
std::string PeerPath(const UniqueFd& fd) {
  struct sockaddr_un address = {};
  socklen_t size = sizeof(address);
  EXPECT_EQ(::getpeername(fd.get(),
                          reinterpret_cast<struct sockaddr*>(&address), &size),
            0);
  return address.sun_path;
}

DaemonPlace PlaceOf(const StartedDaemons& daemons) {
  DaemonPlace place;
  place.root = daemons.root();
  place.system_socket = daemons.Below("system");
  return place;
}

std::string FindMessage(const DaemonPlace& place) {
  const absl::Status status = FindOrStartDaemon(place, CallLimit()).status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  return std::string(status.message());
}

TEST(PlaceFromEnvironmentTest, ReadsSocketAndAutostart) {
  EnvironmentScope scope;
  EXPECT_EQ(PlaceFromEnvironment("/r").root, "/r");
  EXPECT_TRUE(PlaceFromEnvironment("/r").autostart);
  scope.Set("HUBD_AUTOSTART", "0");
  EXPECT_FALSE(PlaceFromEnvironment("/r").autostart);
  scope.Unset("HUBD_AUTOSTART");
  scope.Set("HUBD_SOCKET", "/s");
  EXPECT_EQ(PlaceFromEnvironment("/r").socket, "/s");
  scope.Set("HUBD_SOCKET", "");
  EXPECT_FALSE(PlaceFromEnvironment("/r").autostart);
}

TEST(FindOrStartDaemonTest, AsksTheNamedThenTheSystemsThenTheRoots) {
  StartedDaemons daemons;
  DaemonPlace place = PlaceOf(daemons);
  place.autostart = false;
  ASSERT_TRUE(MakeDirectories(daemons.Below("store"), 0700).ok());
  ASSERT_TRUE(WriteFileDurably(AddressFile(daemons.root()),
                               daemons.Below("user") + "\n", 0600)
                  .ok());
  const FakeDaemon user(daemons.Below("user"));
  EXPECT_EQ(PeerPath(*FindOrStartDaemon(place, CallLimit())),
            daemons.Below("user"));
  const FakeDaemon system(daemons.Below("system"));
  EXPECT_EQ(PeerPath(*FindOrStartDaemon(place, CallLimit())),
            daemons.Below("system"));
  const FakeDaemon named(daemons.Below("named"));
  place.socket = daemons.Below("named");
  EXPECT_EQ(PeerPath(*FindOrStartDaemon(place, CallLimit())),
            daemons.Below("named"));
}

TEST(FindOrStartDaemonTest, TheMessageNamesWhereLinksLead) {
  StartedDaemons daemons;
  ASSERT_EQ(::mkdir(daemons.Below("real").c_str(), 0700), 0);
  ASSERT_EQ(::symlink("real", daemons.Below("link").c_str()), 0);
  DaemonPlace place = PlaceOf(daemons);
  place.root = daemons.Below("link/new/root");
  place.autostart = false;
  EXPECT_THAT(FindMessage(place),
              testing::StartsWith("no hubd answers for " +
                                  daemons.Below("real/new/root") + ","));
}

TEST(FindOrStartDaemonTest, StartsNoneWhereASocketIsNamed) {
  StartedDaemons daemons;
  DaemonPlace place = PlaceOf(daemons);
  place.socket = daemons.Below("none");
  EXPECT_THAT(FindMessage(place), HasSubstr("no hubd answers at"));
  EXPECT_THAT(daemons.Lines("starts"), SizeIs(0));
}

TEST(FindOrStartDaemonTest, StartsNoneWhereThatIsSwitchedOff) {
  StartedDaemons daemons;
  DaemonPlace place = PlaceOf(daemons);
  place.autostart = false;
  EXPECT_THAT(FindMessage(place), HasSubstr("switched off"));
  EXPECT_THAT(daemons.Lines("starts"), SizeIs(0));
}

TEST(FindOrStartDaemonTest, ManyCallersAtOnceStartOne) {
  StartedDaemons daemons;
  const DaemonPlace place = PlaceOf(daemons);
  std::vector<std::string> peers(8);
  {
    std::vector<std::jthread> callers;
    for (std::string& peer : peers) {
      callers.emplace_back([&] {
        const absl::StatusOr<UniqueFd> fd =
            FindOrStartDaemon(place, CallLimit());
        peer = fd.ok() ? PeerPath(*fd) : fd.status().ToString();
      });
    }
  }
  EXPECT_EQ(peers, std::vector<std::string>(8, daemons.Below("socket")));
  EXPECT_THAT(daemons.Lines("starts"), SizeIs(1));
}

TEST(FindOrStartDaemonTest, StartsAnotherWhereTheAddressIsDead) {
  for (const std::string& address :
       {std::string("/none/socket\n"), std::string(300, 'x')}) {
    StartedDaemons daemons;
    ASSERT_TRUE(MakeDirectories(daemons.Below("store"), 0700).ok());
    ASSERT_TRUE(
        WriteFileDurably(AddressFile(daemons.root()), address, 0600).ok());
    EXPECT_EQ(PeerPath(*FindOrStartDaemon(PlaceOf(daemons), CallLimit())),
              daemons.Below("socket"));
  }
}

TEST(FindOrStartDaemonTest, QuotesWhyTheDaemonDidNotStart) {
  StartedDaemons daemons;
  daemons.environment().Set("FAKE_HUBD", "error");
  EXPECT_EQ(FindMessage(PlaceOf(daemons)),
            "hubd did not start: the disk is on fire");
}

TEST(FindOrStartDaemonTest, SaysThatAProgramIsNotHubd) {
  StartedDaemons daemons;
  daemons.environment().Set("FAKE_HUBD", "babbling");
  const std::string message = FindMessage(PlaceOf(daemons));
  EXPECT_THAT(message, HasSubstr("fake_hubd is not hubd"));
  EXPECT_THAT(message, HasSubstr("\"babble\""));
}

TEST(FindOrStartDaemonTest, QuotesTheLogOfADaemonThatEnded) {
  StartedDaemons daemons;
  daemons.environment().Set("FAKE_HUBD", "silent");
  EXPECT_THAT(FindMessage(PlaceOf(daemons)),
              HasSubstr("ended before it was ready; the end of " +
                        daemons.Below("store/log") + ":\nevent=panic"));
}

TEST(FindOrStartDaemonTest, WaitsForTheDaemonThatHoldsTheRoot) {
  StartedDaemons daemons;
  daemons.environment().Set("FAKE_HUBD", "held");
  std::string peer;
  std::atomic<bool> done = false;
  {
    const std::jthread caller([&] {
      const absl::StatusOr<UniqueFd> fd =
          FindOrStartDaemon(PlaceOf(daemons), CallLimit());
      peer = fd.ok() ? PeerPath(*fd) : fd.status().ToString();
      done = true;
    });
    while (daemons.Lines("starts").empty()) std::this_thread::yield();
    ASSERT_TRUE(MakeDirectories(daemons.Below("store"), 0700).ok());
    const FakeDaemon holder(daemons.Below("holder"));
    ASSERT_TRUE(WriteFileDurably(AddressFile(daemons.root()),
                                 daemons.Below("holder") + "\n", 0600)
                    .ok());
    while (!done) std::this_thread::yield();
  }
  EXPECT_EQ(peer, daemons.Below("holder"));
}

TEST(FindOrStartDaemonTest, CancellationEndsAStart) {
  StartedDaemons daemons;
  daemons.environment().Set("FAKE_HUBD", "stuck");
  std::stop_source source;
  absl::Status status;
  {
    const std::jthread caller([&] {
      const CallLimit limit(absl::InfiniteDuration(), source.get_token());
      status = FindOrStartDaemon(PlaceOf(daemons), limit).status();
    });
    while (daemons.Lines("starts").empty()) std::this_thread::yield();
    source.request_stop();
  }
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
}

}  // namespace
}  // namespace hubd
