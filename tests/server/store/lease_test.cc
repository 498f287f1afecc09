#include "server/store/lease.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>

#include <optional>
#include <string>
#include <utility>

#include "server/base/fs.h"
#include "server/base/unique_fd.h"
#include "tests/server/base/temp_dir.h"

namespace hubd {
namespace {

// What eviction asks before it removes an object.
bool CanBeRemoved(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0;
}

TEST(LeaseTest, WhileOneOfManyIsHeldTheObjectCannotBeRemoved) {
  TempDir dir;
  ASSERT_TRUE(WriteFileDurably(dir.Below("blob"), "x", 0444).ok());
  std::optional<Lease> first = *TakeLease(dir.Below("blob"));
  std::optional<Lease> second = *TakeLease(dir.Below("blob"));
  first.reset();
  EXPECT_FALSE(CanBeRemoved(dir.Below("blob")));
  second.reset();
  EXPECT_TRUE(CanBeRemoved(dir.Below("blob")));
}

TEST(LeaseTest, ADirectoryIsLeasedAndAMovedLeaseIsHeldOnce) {
  TempDir dir;
  Lease lease = *TakeLease(dir.path());
  {
    Lease moved = std::move(lease);
    EXPECT_FALSE(CanBeRemoved(dir.path()));
  }
  EXPECT_TRUE(CanBeRemoved(dir.path()));
}

TEST(LeaseTest, GivesTheFileToRead) {
  TempDir dir;
  ASSERT_TRUE(WriteFileDurably(dir.Below("blob"), "bytes", 0444).ok());
  Lease lease = *TakeLease(dir.Below("blob"));
  char buffer[8];
  EXPECT_EQ(::read(lease.fd(), buffer, sizeof(buffer)), 5);
}

TEST(LeaseTest, WhatIsGoneIsNotFound) {
  TempDir dir;
  EXPECT_TRUE(absl::IsNotFound(TakeLease(dir.Below("blob")).status()));
}

TEST(LeaseTest, WhatIsBeingRemovedIsNotFoundWithoutWaiting) {
  TempDir dir;
  ASSERT_TRUE(WriteFileDurably(dir.Below("blob"), "x", 0444).ok());
  UniqueFd fd(::open(dir.Below("blob").c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_EQ(::flock(fd.get(), LOCK_EX), 0);
  EXPECT_TRUE(absl::IsNotFound(TakeLease(dir.Below("blob")).status()));
}

TEST(LeaseTest, WhatWasRemovedOrReplacedBetweenOpenAndLockIsNotFound) {
  TempDir dir;
  const std::string path = dir.Below("blob");
  ASSERT_TRUE(WriteFileDurably(path, "x", 0444).ok());
  UniqueFd first(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  UniqueFd second(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(RemoveAll(path).ok());
  EXPECT_TRUE(absl::IsNotFound(LeaseOpened(std::move(first), path).status()));
  ASSERT_TRUE(WriteFileDurably(path, "x", 0444).ok());
  EXPECT_TRUE(absl::IsNotFound(LeaseOpened(std::move(second), path).status()));
  EXPECT_TRUE(TakeLease(path).ok());
}

}  // namespace
}  // namespace hubd
