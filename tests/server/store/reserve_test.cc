#include "server/store/reserve.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>

#include "absl/status/status.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "tests/server/base/temp_dir.h"

namespace hubd {
namespace {

class ReserveTest : public testing::Test {
 protected:
  int64_t BlockBytes() const {
    struct stat info;
    return ::stat(path_.c_str(), &info) == 0 ? info.st_blocks * 512 : -1;
  }

  TempDir dir_;
  const std::string path_ = dir_.Below("reserve");
};

TEST_F(ReserveTest, IsGivenUpOnceAndFilledAgain) {
  Reserve reserve(path_);
  EXPECT_FALSE(reserve.GiveUp());
  for (int times = 0; times < 2; ++times) {
    reserve.Fill();
    EXPECT_GE(BlockBytes(), 1 << 20);
    EXPECT_TRUE(reserve.GiveUp());
    EXPECT_FALSE(IsThere(path_));
    EXPECT_FALSE(reserve.GiveUp());
  }
}

TEST_F(ReserveTest, TakesOverTheOneOfAnEarlierTime) {
  {
    Reserve reserve(path_);
    reserve.Fill();
  }
  Reserve reserve(path_);
  reserve.Fill();
  EXPECT_TRUE(reserve.GiveUp());
  EXPECT_FALSE(IsThere(path_));
}

TEST_F(ReserveTest, WhatASuddenEndLeftOfItIsFilled) {
  ASSERT_TRUE(WriteFileDurably(path_, "", 0600).ok());
  Reserve reserve(path_);
  reserve.Fill();
  EXPECT_GE(BlockBytes(), 1 << 20);
}

TEST_F(ReserveTest, WhereNoneCanBeHadNothingStays) {
  ASSERT_TRUE(MakeDirectories(path_, 0700).ok());
  Reserve reserve(path_);
  reserve.Fill();
  EXPECT_FALSE(reserve.GiveUp());
}

TEST_F(ReserveTest, AWriteIsTriedOnceMoreWithWhatItGives) {
  Reserve reserve(path_);
  const absl::Status full = ReasonError(Reason::kDiskFull, "full");
  int writes = 0;
  const auto refused = [&] {
    ++writes;
    return full;
  };
  EXPECT_EQ(reserve.Write(refused), full);
  EXPECT_EQ(writes, 2);
  reserve.Fill();
  EXPECT_EQ(reserve.Write(refused), full);
  EXPECT_EQ(writes, 4);
  EXPECT_FALSE(IsThere(path_));
  reserve.Fill();
  EXPECT_TRUE(reserve.Write([] { return absl::OkStatus(); }).ok());
  EXPECT_TRUE(absl::IsInternal(
      reserve.Write([] { return absl::InternalError("broken"); })));
  EXPECT_TRUE(IsThere(path_));
}

}  // namespace
}  // namespace hubd
