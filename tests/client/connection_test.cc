#include "client/connection.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "tests/client/fake_daemon.h"
#include "tests/server/base/temp_dir.h"

namespace hubd {
namespace {

DaemonPlace At(const std::string& socket) {
  DaemonPlace place;
  place.socket = socket;
  return place;
}

TEST(ConnectionTest, KeepsTheChannelUntilItIsDropped) {
  TempDir directory;
  const FakeDaemon daemon(directory.Below("s"));
  const DaemonPlace place = At(directory.Below("s"));
  Connection connection;
  const auto first = *connection.Open(place, CallLimit());
  EXPECT_EQ(*connection.Open(place, CallLimit()), first);
  connection.Drop(first);
  const auto second = *connection.Open(place, CallLimit());
  EXPECT_NE(second, first);
  // Another call that still has the first one changes nothing.
  connection.Drop(first);
  EXPECT_EQ(*connection.Open(place, CallLimit()), second);
}

TEST(ConnectionTest, GoesToAnotherPlaceWhenAsked) {
  TempDir directory;
  const FakeDaemon daemon(directory.Below("s"));
  Connection connection;
  ASSERT_TRUE(connection.Open(At(directory.Below("s")), CallLimit()).ok());
  EXPECT_TRUE(absl::IsUnavailable(
      connection.Open(At(directory.Below("none")), CallLimit()).status()));
}

}  // namespace
}  // namespace hubd
