// A store on a file system of 2 MiB.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "server/base/clock.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "server/base/unique_fd.h"
#include "server/store/connections.h"
#include "server/store/reserve.h"
#include "server/store/sqlite.h"
#include "server/store/store.h"
#include "tests/server/base/small_disk.h"
#include "tests/server/base/temp_dir.h"
#include "tests/server/store/sample_objects.h"

namespace hubd {
namespace {

void Fill(const UniqueFd& filler) {
  while (WriteAll(filler.get(), std::string(4096, 'x')).ok()) {
  }
}

void ExpectDiskFull(const absl::Status& status, const std::string& root) {
  EXPECT_EQ(ReasonOf(status), Reason::kDiskFull) << status;
  EXPECT_NE(status.message().find("free space on the file system of " + root),
            absl::string_view::npos)
      << status;
}

TEST(DiskFullTest, SaysSoKeepsWhatIsStoredAndGoesOnWhenThereIsSpace) {
  TempDir dir;
  if (!MountSmallDisk(dir.path())) {
    GTEST_SKIP() << "user namespaces are not allowed here";
  }
  RealClock clock;
  absl::StatusOr<std::unique_ptr<Store>> store =
      Store::Open({dir.path(), ""}, clock);
  ASSERT_TRUE(store.ok()) << store.status();
  const Layout& layout = (*store)->layout();
  TreeObject stored = *(*store)->PublishTree(*(*store)->StageDirectory(),
                                             SampleTree(layout, 1));
  absl::StatusOr<Staging> staged = (*store)->StageDirectory();
  ASSERT_TRUE(staged.ok());
  // The rest of the disk.
  UniqueFd filler(::open(dir.Below("filler").c_str(),
                         O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  Fill(filler);
  // The reserve is for one.
  EXPECT_TRUE((*store)->PublishRefs(SampleRefs(20)).ok());
  Fill(filler);
  ExpectDiskFull((*store)->PublishRefs(SampleRefs(2000)), dir.path());
  ExpectDiskFull(
      (*store)->PublishTree(*std::move(staged), SampleTree(layout, 2)).status(),
      dir.path());
  EXPECT_TRUE(*(*store)->FindTree(stored.key) == stored);
  EXPECT_EQ(*(*store)->FindTree(SampleTree(layout, 2).key), std::nullopt);

  ASSERT_EQ(::unlink(dir.Below("filler").c_str()), 0);
  filler.reset();
  absl::StatusOr<TreeObject> tree =
      (*store)->PublishTree(*(*store)->StageDirectory(), SampleTree(layout, 2));
  EXPECT_TRUE(tree.ok()) << tree.status();
}

TEST(DiskFullTest, WhatTheReserveHadToMakeRoomForIsWrittenOnce) {
  TempDir dir;
  if (!MountSmallDisk(dir.path())) {
    GTEST_SKIP() << "user namespaces are not allowed here";
  }
  const std::string reserve = dir.Below("reserve");
  auto connections = *Connections::Open(
      dir.Below("db"), {"CREATE TABLE t (n INTEGER) STRICT"}, Reserve(reserve));
  UniqueFd filler(::open(dir.Below("filler").c_str(),
                         O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  Fill(filler);
  ASSERT_TRUE(IsThere(reserve));
  int64_t written = 0;
  while (IsThere(reserve)) {
    ASSERT_TRUE(connections->Write("INSERT INTO t (n) VALUES (1)", {}).ok());
    ++written;
  }
  absl::StatusOr<Connections::Reader> reader = connections->Read();
  ASSERT_TRUE(reader.ok()) << reader.status();
  absl::StatusOr<SqlRows> rows = (*reader)->Query("SELECT count(*) FROM t");
  ASSERT_TRUE(rows.ok() && *rows->Next());
  EXPECT_EQ(rows->Int(0), written);
}

}  // namespace
}  // namespace hubd
