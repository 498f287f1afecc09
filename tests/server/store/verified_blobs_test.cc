#include "server/store/verified_blobs.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "server/base/fs.h"
#include "tests/server/base/temp_dir.h"

namespace hubd {
namespace {

class VerifiedBlobsTest : public testing::Test {
 protected:
  VerifiedBlobsTest() : path_(dir_.Below("blob")) {
    EXPECT_TRUE(WriteFileDurably(path_, "bytes", 0644).ok());
    struct stat info;
    EXPECT_EQ(::stat(path_.c_str(), &info), 0);
    blobs_.Note(path_, info);
  }

  bool Has(const std::string& path) const {
    struct stat info = {};
    ::lstat(path.c_str(), &info);
    return blobs_.Has(path, info);
  }

  TempDir dir_;
  const std::string path_;
  VerifiedBlobs blobs_;
};

TEST_F(VerifiedBlobsTest, WhatWasNotedStaysSo) {
  EXPECT_TRUE(Has(path_));
  EXPECT_FALSE(Has(dir_.Below("other")));
}

TEST_F(VerifiedBlobsTest, AFileInItsPlaceIsNotKnown) {
  ASSERT_TRUE(WriteFileDurably(path_, "bytes", 0644).ok());
  EXPECT_FALSE(Has(path_));
  ASSERT_EQ(::unlink(path_.c_str()), 0);
  EXPECT_FALSE(Has(path_));
}

TEST_F(VerifiedBlobsTest, AnEditIsSeenWhateverItsTimesAreSetTo) {
  struct stat before;
  ASSERT_EQ(::stat(path_.c_str(), &before), 0);
  const timespec times[] = {before.st_atim, {1, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path_.c_str(), times, 0), 0);
  EXPECT_FALSE(Has(path_));
}

}  // namespace
}  // namespace hubd
