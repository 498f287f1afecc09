#include "server/fetch/file_intake.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "server/base/digest.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "server/base/unique_fd.h"
#include "server/store/space.h"
#include "tests/server/base/temp_dir.h"
#include "tests/testing/fake_clock.h"

namespace hubd {
namespace {

struct stat Look(const std::string& path) {
  struct stat info = {};
  HUBD_CHECK(::stat(path.c_str(), &info) == 0);
  return info;
}

class FileIntakeTest : public testing::Test {
 protected:
  FileIntakeTest() : store_(*Store::Open({dir_.Below("root"), ""}, clock_)) {
    HUBD_CHECK(WriteFileDurably(path_, kBytes, 0640).ok());
  }

  absl::StatusOr<TakenFile> Take(std::stop_token stop = {}) {
    const UniqueFd fd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    return TakeFile(
        *store_, fd.get(), [this](const std::string&) { return verdict_; },
        [this](int64_t bytes) {
          read_ += bytes;
          if (on_read_) on_read_();
        },
        stop, *space_.Reserve(0));
  }

  // Whether the file system shares bytes between files.
  bool HasReflinks() {
    const absl::StatusOr<TakenFile> taken = Take();
    return taken.ok() && taken->how == "reflink";
  }

  mode_t Mode() { return Look(path_).st_mode & 0777; }
  size_t StagedCount() { return ListDirectory(store_->layout().tmp())->size(); }

  static constexpr char kBytes[] = "weights";

  TempDir dir_;
  FakeClock clock_;
  std::unique_ptr<Store> store_;
  Space space_{
      {.path = dir_.path(), .min_free = 0, .max_bytes = 7, .usage = [] {
         return absl::StatusOr<int64_t>(0);
       }}};
  const std::string path_ = dir_.Below("file");
  absl::Status verdict_ = absl::OkStatus();
  std::function<void()> on_read_;
  int64_t read_ = 0;
};

TEST_F(FileIntakeTest, AFileOfTheUsersIsLinkedAndCannotBeWritten) {
  if (HasReflinks()) GTEST_SKIP() << "this file system shares bytes itself";
  ::chmod(path_.c_str(), 0640);
  absl::StatusOr<TakenFile> taken = Take();
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(taken->how, "link");
  EXPECT_EQ(taken->sha256, Sha256Hex(kBytes));
  EXPECT_EQ(taken->size_bytes, 7);
  EXPECT_EQ(Look(taken->staging.path()).st_ino, Look(path_).st_ino);
  EXPECT_EQ(Mode(), 0440u);
}

TEST_F(FileIntakeTest, WhatIsNotAcceptedGetsItsModeBack) {
  verdict_ = absl::FailedPreconditionError("no");
  EXPECT_EQ(Take().status(), verdict_);
  EXPECT_EQ(Mode(), 0640u);
  EXPECT_EQ(StagedCount(), 0u);
}

TEST_F(FileIntakeTest, AFileThatSomebodyCanWriteIsCopied) {
  if (HasReflinks()) GTEST_SKIP() << "this file system shares bytes itself";
  ::chmod(path_.c_str(), 0640);
  const UniqueFd writer(::open(path_.c_str(), O_RDWR | O_CLOEXEC));
  const absl::StatusOr<TakenFile> taken = Take();
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(taken->how, "copy");
  EXPECT_EQ(*ReadFile(taken->staging.path()), kBytes);
  EXPECT_NE(Look(taken->staging.path()).st_ino, Look(path_).st_ino);
  EXPECT_EQ(Mode(), 0640u);
}

TEST_F(FileIntakeTest, AFileThatIsMappedForWritingIsCopied) {
  if (HasReflinks()) GTEST_SKIP() << "this file system shares bytes itself";
  ::chmod(path_.c_str(), 0640);
  UniqueFd writer(::open(path_.c_str(), O_RDWR | O_CLOEXEC));
  void* mapped =
      ::mmap(nullptr, 7, PROT_READ | PROT_WRITE, MAP_SHARED, writer.get(), 0);
  ASSERT_NE(mapped, MAP_FAILED);
  writer.reset();
  EXPECT_EQ(Take()->how, "copy");
  ::munmap(mapped, 7);
}

TEST_F(FileIntakeTest, AFileThatChangesMeanwhileIsNotTaken) {
  const UniqueFd writer(::open(path_.c_str(), O_RDWR | O_CLOEXEC));
  on_read_ = [&] { HUBD_CHECK(::ftruncate(writer.get(), 3) == 0); };
  EXPECT_TRUE(absl::IsFailedPrecondition(Take().status()));
  EXPECT_EQ(StagedCount(), 0u);
  EXPECT_EQ(Mode(), 0640u);
}

TEST_F(FileIntakeTest, StopsWhenItIsTold) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(absl::IsCancelled(Take(stop.get_token()).status()));
  EXPECT_EQ(Mode(), 0640u);
  EXPECT_EQ(StagedCount(), 0u);
}

}  // namespace
}  // namespace hubd
