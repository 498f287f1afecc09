#include "server/store/space.h"

#include <gtest/gtest.h>
#include <sys/statvfs.h>

#include <atomic>
#include <cstdint>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "server/base/status.h"
#include "tests/server/base/temp_dir.h"

namespace hubd {
namespace {

constexpr int64_t kTera = int64_t{1} << 40;

class SpaceTest : public testing::Test {
 protected:
  // A cache with that limit, on a disk that has room for all.
  Space Limited(int64_t max_bytes) {
    return Space({.path = temp_.path(),
                  .min_free = 0,
                  .max_bytes = max_bytes,
                  .usage = [this] { return usage_; }});
  }

  TempDir temp_;
  absl::StatusOr<int64_t> usage_ = 0;
};

TEST_F(SpaceTest, WhatDoesNotFitIsSaidWithNeedFreeAndFloor) {
  Space space({.path = temp_.path(), .min_free = 5});
  const absl::Status full = space.Reserve(INT64_MAX).status();
  EXPECT_EQ(ReasonOf(full), Reason::kDiskFull);
  const Metadata metadata = MetadataOf(full);
  EXPECT_EQ(metadata.at("need"), std::to_string(INT64_MAX));
  EXPECT_EQ(metadata.at("min_free"), "5");
  int64_t free = 0;
  ASSERT_TRUE(absl::SimpleAtoi(metadata.at("free"), &free));
  for (const char* key : {"need", "free", "min_free"}) {
    EXPECT_TRUE(absl::StrContains(full.message(), metadata.at(key))) << key;
  }
  EXPECT_TRUE(space.Reserve(1).ok());
}

TEST_F(SpaceTest, AFloorAboveWhatIsFreeLeavesNoRoom) {
  Space space({.path = temp_.path(), .min_free = 1000 * kTera});
  EXPECT_FALSE(space.Reserve(1).ok());
  EXPECT_TRUE(space.Reserve(0).ok());
}

TEST_F(SpaceTest, TheBuiltInFloorIsSmallOnSmallDisks) {
  Space space({.path = temp_.path()});
  const Metadata metadata = MetadataOf(space.Reserve(INT64_MAX).status());
  struct statvfs info;
  ASSERT_EQ(::statvfs(temp_.path().c_str(), &info), 0);
  const int64_t two_percent =
      static_cast<int64_t>(info.f_blocks * info.f_frsize) / 50;
  EXPECT_EQ(metadata.at("min_free"),
            std::to_string(std::min(two_percent, int64_t{1} << 30)));
}

TEST_F(SpaceTest, WhatIsPromisedIsNoRoomForOthersUntilItIsGivenBack) {
  Space space = Limited(100);
  std::optional<Space::Reservation> first = *space.Reserve(60);
  const absl::Status full = space.Reserve(41).status();
  EXPECT_EQ(ReasonOf(full), Reason::kDiskFull);
  EXPECT_EQ(MetadataOf(full),
            (Metadata{{"need", "41"}, {"used", "60"}, {"max_bytes", "100"}}));
  EXPECT_TRUE(space.Reserve(40).ok());
  Space::Reservation moved = *std::move(first);
  first.reset();
  EXPECT_FALSE(space.Reserve(41).ok());
  moved = Space::Reservation();
  EXPECT_TRUE(space.Reserve(100).ok());
}

TEST_F(SpaceTest, WhatIsWrittenCountsAsUsedAndNotAsPromised) {
  Space space = Limited(100);
  Space::Reservation room = *space.Reserve(60);
  ASSERT_TRUE(room.Take(50).ok());
  usage_ = 50;
  EXPECT_FALSE(space.Reserve(41).ok());
  EXPECT_TRUE(space.Reserve(40).ok());
}

TEST_F(SpaceTest, WhatUsageDoesNotCountIsCountedUntilItEnds) {
  Space space = Limited(100);
  std::optional<Space::Reservation> room =
      *space.Reserve(60, /*counted=*/false);
  ASSERT_TRUE(room->Take(60).ok());
  EXPECT_FALSE(space.Reserve(41).ok());
  Space::Reservation moved = *std::move(room);
  EXPECT_FALSE(space.Reserve(41).ok());
  moved = Space::Reservation();
  EXPECT_TRUE(space.Reserve(100).ok());
}

TEST_F(SpaceTest, WhoseLengthNobodyKnowsTakesMuchAtATime) {
  Space space = Limited(10 << 20);
  Space::Reservation room = *space.Reserve(0);
  ASSERT_TRUE(room.Take(1).ok());
  usage_ = 1;
  // A whole MiB is his.
  EXPECT_TRUE(space.Reserve(9 << 20).ok());
  EXPECT_FALSE(space.Reserve((9 << 20) + 1).ok());
  int64_t taken = 1;
  while (taken < 8 << 20) {
    ASSERT_TRUE(room.Take(1 << 10).ok());
    taken += 1 << 10;
    usage_ = taken;
  }
  // The last ones, where no step fits any more.
  Space::Reservation other = *space.Reserve((10 << 20) - taken - (1 << 20));
  absl::Status status;
  while (status.ok() && taken < 20 << 20) {
    status = room.Take(1 << 10);
    if (status.ok()) usage_ = taken += 1 << 10;
  }
  EXPECT_EQ(ReasonOf(status), Reason::kDiskFull);
}

TEST_F(SpaceTest, AUsageThatIsNotKnownIsAnError) {
  Space space = Limited(100);
  usage_ = absl::InternalError("no index");
  EXPECT_EQ(space.Reserve(1).status(), usage_.status());
}

TEST_F(SpaceTest, WhatCannotBeLookedAtHasRoom) {
  Space space({.path = temp_.Below("none")});
  EXPECT_TRUE(space.Reserve(INT64_MAX).ok());
  Space::Reservation nobodys;
  EXPECT_TRUE(nobodys.Take(INT64_MAX).ok());
}

TEST_F(SpaceTest, ManyThreadsGetNoMoreThanThereIs) {
  // Room for seven of the eight.
  Space space = Limited(999);
  std::atomic<int> holders = 0;
  std::atomic<int> most = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 2000; ++round) {
        absl::StatusOr<Space::Reservation> room = space.Reserve(125);
        if (!room.ok()) {
          EXPECT_EQ(ReasonOf(room.status()), Reason::kDiskFull);
          continue;
        }
        const int now = ++holders;
        for (int seen = most; seen < now;) {
          if (most.compare_exchange_weak(seen, now)) break;
        }
        std::this_thread::yield();
        --holders;
      }
    });
  }
  threads.clear();
  EXPECT_LE(most, 7);
  EXPECT_TRUE(space.Reserve(999).ok());
}

}  // namespace
}  // namespace hubd
