#include "server/daemon/root_lock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "server/base/fs.h"

namespace hubd {
namespace {

using ::testing::HasSubstr;

class RootLockTest : public ::testing::Test {
 protected:
  RootLockTest() {
    std::string pattern = "/tmp/root_lockXXXXXX";
    base_ = std::filesystem::canonical(::mkdtemp(pattern.data()));
  }
  ~RootLockTest() override {
    first_ = nullptr;
    (void)RemoveAll(base_);
  }

  void HoldRoot() {
    auto store = Store::Open({.root = root(), .socket = ""}, clock_);
    ASSERT_TRUE(store.ok()) << store.status();
    first_ = *std::move(store);
  }

  std::string root() const { return base_ + "/root"; }

  RealClock clock_;
  std::string base_;
  std::unique_ptr<Store> first_;
};

// Time stands still; at the third look the holder goes.
class ReleasingClock final : public Clock {
 public:
  explicit ReleasingClock(std::unique_ptr<Store>& holder) : holder_(holder) {}
  absl::Time Now() const override {
    if (++looks_ == 3) holder_ = nullptr;
    return absl::UnixEpoch();
  }

 private:
  std::unique_ptr<Store>& holder_;
  mutable int looks_ = 0;
};

TEST_F(RootLockTest, AFreeRootHasNoHolder) {
  EXPECT_EQ(CurrentHolder(Layout(root())), std::nullopt);
  HoldRoot();
  first_ = nullptr;
  EXPECT_EQ(CurrentHolder(Layout(root())), std::nullopt);
}

TEST_F(RootLockTest, AHeldRootNamesItsHolder) {
  HoldRoot();
  ASSERT_TRUE(first_->PublishAddress("/s.sock").ok());
  auto holder = CurrentHolder(Layout(root()));
  ASSERT_NE(holder, std::nullopt);
  EXPECT_EQ(holder->pid, ::getpid());
  EXPECT_EQ(holder->socket, "/s.sock");
}

TEST_F(RootLockTest, WithoutPatienceAHeldRootIsRefusedAtOnce) {
  HoldRoot();
  auto second =
      OpenStore({.root = root(), .socket = ""}, clock_, absl::ZeroDuration());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr(std::to_string(::getpid())));
}

TEST_F(RootLockTest, AHolderThatDoesNotAnswerIsWaitedFor) {
  HoldRoot();
  ASSERT_TRUE(first_->PublishAddress(base_ + "/gone.sock").ok());
  ReleasingClock clock(first_);
  auto second =
      OpenStore({.root = root(), .socket = ""}, clock, absl::Seconds(1));
  EXPECT_TRUE(second.ok()) << second.status();
}

TEST_F(RootLockTest, AHolderThatAnswersIsNotWaitedFor) {
  HoldRoot();
  sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
  std::string path = base_ + "/s.sock";
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address),
                   sizeof(address)),
            0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  ASSERT_TRUE(first_->PublishAddress(path).ok());

  auto second = OpenStore({.root = root(), .socket = ""}, clock_,
                          absl::InfiniteDuration());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(RootLockTest, OtherFailuresAreNotWaitedFor) {
  HoldRoot();
  first_ = nullptr;
  ASSERT_TRUE(WriteFileDurably(Layout(root()).version(), "99\n", 0600).ok());
  auto second = OpenStore({.root = root(), .socket = ""}, clock_,
                          absl::InfiniteDuration());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace hubd
