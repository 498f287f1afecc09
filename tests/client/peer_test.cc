#include "client/peer.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "tests/server/base/temp_dir.h"

namespace hubd {
namespace {

UniqueFd Listen(const std::string& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  struct sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<struct sockaddr*>(&address),
                   sizeof(address)),
            0);
  EXPECT_EQ(::listen(fd.get(), 1), 0);
  return fd;
}

TEST(BelievesPeerTest, BelievesItselfRootAndTheService) {
  EXPECT_TRUE(BelievesPeer(1000, 1000, std::nullopt));
  EXPECT_TRUE(BelievesPeer(0, 1000, std::nullopt));
  EXPECT_TRUE(BelievesPeer(990, 1000, 990));
  EXPECT_FALSE(BelievesPeer(1001, 1000, std::nullopt));
  EXPECT_FALSE(BelievesPeer(1001, 1000, 990));
  EXPECT_FALSE(BelievesPeer(1001, 0, 990));
}

TEST(ConnectToDaemonTest, ConnectsToItsOwnUser) {
  TempDir directory;
  const UniqueFd listener = Listen(directory.Below("s"));
  const absl::StatusOr<UniqueFd> fd =
      ConnectToDaemon(directory.Below("s"), CallLimit());
  ASSERT_TRUE(fd.ok()) << fd.status();
  EXPECT_TRUE(fd->valid());
}

TEST(ConnectToDaemonTest, FindsNobodyWhereNobodyListens) {
  TempDir directory;
  const CallLimit limit;
  EXPECT_EQ(ConnectToDaemon(directory.Below("none"), limit).status(),
            absl::NotFoundError("No such file or directory"));
  Listen(directory.Below("dead")).reset();
  EXPECT_EQ(ConnectToDaemon(directory.Below("dead"), limit).status(),
            absl::NotFoundError("Connection refused"));
}

TEST(ConnectToDaemonTest, SaysThatAPathIsTooLong) {
  const absl::Status status =
      ConnectToDaemon("/" + std::string(200, 'x'), CallLimit()).status();
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
}

TEST(ConnectToDaemonTest, WaitsForAFullQueueWithinTheLimit) {
  TempDir directory;
  const UniqueFd listener = Listen(directory.Below("s"));
  std::vector<UniqueFd> clients;
  absl::Status status;
  while (status.ok()) {
    absl::StatusOr<UniqueFd> fd = ConnectToDaemon(
        directory.Below("s"), CallLimit(absl::Milliseconds(50)));
    status = fd.status();
    if (fd.ok()) clients.push_back(*std::move(fd));
    ASSERT_LT(clients.size(), 100u);
  }
  EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
}

// The kernel notes who called listen().
TEST(ConnectToDaemonTest, RefusesAnotherUsersSocket) {
  constexpr uid_t kOther = 65534;
  constexpr int kCannot = 7;
  TempDir directory;
  const UniqueFd listener = Listen(directory.Below("s"));
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setuid(kOther) != 0) ::_exit(kCannot);
    ::_exit(::listen(listener.get(), 1) == 0 ? 0 : 1);
  }
  int ended = 1;
  ASSERT_EQ(::waitpid(child, &ended, 0), child);
  if (WEXITSTATUS(ended) == kCannot) GTEST_SKIP() << "cannot be somebody else";
  ASSERT_EQ(ended, 0);
  const absl::Status status =
      ConnectToDaemon(directory.Below("s"), CallLimit()).status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_NE(status.message().find("uid 65534"), absl::string_view::npos);
}

}  // namespace
}  // namespace hubd
