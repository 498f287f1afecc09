#include "server/daemon/readiness.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace hubd {
namespace {

using ::testing::StartsWith;

class ReadinessTest : public ::testing::Test {
 protected:
  ReadinessTest() {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    read_end_.reset(ends[0]);
    write_end_ = ends[1];
    ::setenv("HUBD_READY_FD", std::to_string(write_end_).c_str(), 1);
  }

  // All that was told, once the other end is closed.
  std::string Told() {
    std::string told;
    char byte;
    while (::read(read_end_.get(), &byte, 1) == 1) told.push_back(byte);
    return told;
  }

  UniqueFd read_end_;
  int write_end_;
};

TEST_F(ReadinessTest, TellsThatItIsReadyAndCloses) {
  Readiness readiness = Readiness::TakeFromEnvironment();
  EXPECT_TRUE(readiness.awaited());
  readiness.TellReady("/a b/s.sock");
  EXPECT_EQ(Told(), "ready /a b/s.sock\n");
  EXPECT_FALSE(readiness.awaited());
}

TEST_F(ReadinessTest, TellsWhoHoldsTheRoot) {
  Readiness readiness = Readiness::TakeFromEnvironment();
  readiness.TellHeld({.pid = 12, .host = "node", .socket = "/s.sock"});
  EXPECT_EQ(Told(), "held 12 node /s.sock\n");
}

TEST_F(ReadinessTest, AHolderThatDoesNotListenYetHasNoSocket) {
  Readiness readiness = Readiness::TakeFromEnvironment();
  readiness.TellHeld({.pid = 12, .host = "node", .socket = ""});
  EXPECT_EQ(Told(), "held 12 node -\n");
}

TEST_F(ReadinessTest, TellsAnErrorInOneLineAndNothingAfterIt) {
  Readiness readiness = Readiness::TakeFromEnvironment();
  readiness.TellError("first\nsecond\x1b[31m");
  readiness.TellReady("/s.sock");
  const std::string told = Told();
  EXPECT_THAT(told, StartsWith("error first second"));
  EXPECT_EQ(told.find('\n'), told.size() - 1);
  EXPECT_EQ(told.find('\x1b'), std::string::npos);
}

TEST_F(ReadinessTest, ChildrenSeeNothingOfIt) {
  Readiness readiness = Readiness::TakeFromEnvironment();
  EXPECT_EQ(std::getenv("HUBD_READY_FD"), nullptr);
  EXPECT_EQ(::fcntl(write_end_, F_GETFD), FD_CLOEXEC);
}

TEST_F(ReadinessTest, WhatIsNoDescriptorIsPassedOver) {
  for (const char* value : {"", "x", "1", "-3", "1048575"}) {
    ::setenv("HUBD_READY_FD", value, 1);
    EXPECT_FALSE(Readiness::TakeFromEnvironment().awaited()) << value;
  }
  ::close(write_end_);
}

}  // namespace
}  // namespace hubd
