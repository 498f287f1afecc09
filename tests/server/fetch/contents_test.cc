#include "server/fetch/contents.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "server/base/digest.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "server/base/unique_fd.h"
#include "server/store/space.h"
#include "tests/server/base/small_disk.h"
#include "tests/server/base/temp_dir.h"
#include "tests/testing/fake_clock.h"

// Called before each sync; none: nothing is.
static std::function<void()> before_sync;

// In place of libc's.
extern "C" int fdatasync(int fd) {
  if (before_sync) before_sync();
  return static_cast<int>(syscall(SYS_fdatasync, fd));
}

namespace hubd {
namespace {

constexpr char kUrl[] = "https://h.org/w";
constexpr int64_t kPart = 64 << 10;

std::string Body() {
  std::string body(5 * kPart + 7, 'x');
  for (size_t i = 0; i + 4 < body.size(); i += 512) {
    body[i] = static_cast<char>(i >> 9);
    body[i + 1] = static_cast<char>(i >> 17);
  }
  return body;
}

class ContentsTest : public testing::Test {
 protected:
  ContentsTest() : partial_(*Partial::Open(directory_, kUrl, {})) {}

  Ledger Object() const {
    return {kUrl, "\"e\"", static_cast<int64_t>(body_.size()), kPart, {}};
  }

  static absl::Status Restart(Contents& contents, const Ledger& object) {
    return contents.Restart(object, object.size);
  }

  // The span's next bytes, as the server has them.
  void Bring(Contents& contents, Contents::Span& span, int64_t bytes) {
    ASSERT_TRUE(contents
                    .Write(span, absl::string_view(body_).substr(
                                     span.rest.begin, bytes))
                    .ok());
  }

  void BringAll(Contents& contents, int64_t max_bytes = kPart) {
    while (std::optional<Contents::Span> span = contents.Take(max_bytes)) {
      Bring(contents, *span, span->rest.end - span->rest.begin);
      contents.GiveBack(*span);
    }
  }

  void Damage(int64_t offset) {
    ASSERT_EQ(::pwrite(partial_->fd(), "?!", 2, offset), 2);
  }

  // In a later process, as it were.
  void Reopen() {
    partial_.reset();
    partial_ = *Partial::Open(directory_, kUrl, {});
  }

  TempDir dir_;
  const std::string directory_ = dir_.Below("partial");
  const std::string body_ = Body();
  Space space_{{.path = dir_.path(), .min_free = 0}};
  FakeClock clock_;
  std::optional<Partial> partial_;
};

TEST_F(ContentsTest, TheDigestCoversWhatStreamsBroughtInAnyOrder) {
  Contents contents(*partial_, space_, clock_);
  ASSERT_TRUE(Restart(contents, Object()).ok());
  std::optional<Contents::Span> first = contents.Take(2 * kPart);
  std::optional<Contents::Span> second = contents.Take(4 * kPart);
  ASSERT_FALSE(contents.Take(kPart).has_value());
  Bring(contents, *second, 4 * kPart);
  ASSERT_TRUE(contents.Follow({}).ok());
  EXPECT_TRUE(contents.followed());
  EXPECT_FALSE(contents.complete());
  Bring(contents, *first, 3);
  ASSERT_TRUE(contents.Follow({}).ok());
  Bring(contents, *first, 2 * kPart - 3);
  EXPECT_FALSE(contents.followed());
  ASSERT_TRUE(contents.Follow({}).ok());
  EXPECT_TRUE(contents.complete());
  EXPECT_TRUE(contents.followed());
  EXPECT_EQ(contents.FinishDigest(), Sha256Hex(body_));
}

TEST_F(ContentsTest, WhatIsGivenBackGoesOnInItsMiddle) {
  Contents contents(*partial_, space_, clock_);
  ASSERT_TRUE(Restart(contents, Object()).ok());
  std::optional<Contents::Span> span = contents.Take(kPart);
  Bring(contents, *span, 100);
  contents.GiveBack(*span);
  span = contents.Take(kPart);
  EXPECT_EQ(span->rest, (ByteRange{100, kPart}));
  Bring(contents, *span, kPart - 100);
  BringAll(contents);
  ASSERT_TRUE(contents.Follow({}).ok());
  // The checksums hold, too.
  EXPECT_TRUE(contents.complete());
  EXPECT_EQ(contents.FinishDigest(), Sha256Hex(body_));
}

TEST_F(ContentsTest, BytesBeyondTheSpanAreRefused) {
  Contents contents(*partial_, space_, clock_);
  ASSERT_TRUE(Restart(contents, Object()).ok());
  std::optional<Contents::Span> span = contents.Take(kPart);
  Bring(contents, *span, kPart);
  EXPECT_TRUE(absl::IsDataLoss(contents.Write(*span, "x")));
}

TEST_F(ContentsTest, APartThatComesBackOtherwiseIsFetchedAgain) {
  Contents contents(*partial_, space_, clock_);
  ASSERT_TRUE(Restart(contents, Object()).ok());
  BringAll(contents);
  Damage(2 * kPart + 5);
  ASSERT_TRUE(contents.Follow({}).ok());
  EXPECT_FALSE(contents.complete());
  EXPECT_EQ(contents.free_bytes(), kPart);
  const std::optional<Contents::Span> span = contents.Take(kPart);
  EXPECT_EQ(span->rest, (ByteRange{2 * kPart, 3 * kPart}));
  contents.GiveBack(*span);
  BringAll(contents);
  ASSERT_TRUE(contents.Follow({}).ok());
  EXPECT_TRUE(contents.complete());
  EXPECT_EQ(contents.FinishDigest(), Sha256Hex(body_));
}

TEST_F(ContentsTest, ADiskThatNeverKeepsAPartIsNotAskedForEver) {
  Contents contents(*partial_, space_, clock_);
  ASSERT_TRUE(Restart(contents, Object()).ok());
  absl::Status status;
  for (int tries = 0; tries < 10 && status.ok(); ++tries) {
    BringAll(contents);
    Damage(5);
    status = contents.Follow({}).status();
  }
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
}

TEST_F(ContentsTest, PartsOfAnEarlierTimeAreTakenUpWhereverTheyLie) {
  {
    Contents contents(*partial_, space_, clock_);
    ASSERT_TRUE(Restart(contents, Object()).ok());
    std::optional<Contents::Span> first = contents.Take(kPart);
    std::optional<Contents::Span> second = contents.Take(kPart);
    Bring(contents, *second, kPart);
    Bring(contents, *first, 10);
    ASSERT_TRUE(contents.Save().ok());
  }
  Reopen();
  Contents contents(*partial_, space_, clock_);
  ASSERT_TRUE(contents.TakeUp().ok());
  EXPECT_EQ(contents.done_bytes(), kPart);
  EXPECT_EQ(contents.object(), Object());
  EXPECT_EQ(contents.Take(kPart)->rest, (ByteRange{0, kPart}));
  EXPECT_EQ(contents.Take(kPart)->rest, (ByteRange{2 * kPart, 3 * kPart}));
}

TEST_F(ContentsTest, OfAWholeObjectTheLastPartComesAgain) {
  {
    Contents contents(*partial_, space_, clock_);
    ASSERT_TRUE(Restart(contents, Object()).ok());
    BringAll(contents);
    ASSERT_TRUE(contents.Save().ok());
  }
  Reopen();
  Contents contents(*partial_, space_, clock_);
  ASSERT_TRUE(contents.TakeUp().ok());
  EXPECT_EQ(contents.Take(kPart)->rest, (ByteRange{5 * kPart, 5 * kPart + 7}));
  EXPECT_FALSE(contents.Take(kPart).has_value());
}

TEST_F(ContentsTest, OldPartsThatAreDamagedOrMissingComeAgain) {
  {
    Contents contents(*partial_, space_, clock_);
    ASSERT_TRUE(Restart(contents, Object()).ok());
    BringAll(contents);
    ASSERT_TRUE(contents.Save().ok());
  }
  Damage(0);
  ASSERT_EQ(::ftruncate(partial_->fd(), 3 * kPart + 1), 0);
  Reopen();
  Contents contents(*partial_, space_, clock_);
  ASSERT_TRUE(contents.TakeUp().ok());
  for (int rounds = 0; rounds < 10 && !contents.followed(); ++rounds) {
    ASSERT_TRUE(contents.Follow({}).ok());
    BringAll(contents);
  }
  ASSERT_TRUE(contents.Follow({}).ok());
  EXPECT_TRUE(contents.complete());
  EXPECT_EQ(contents.FinishDigest(), Sha256Hex(body_));
}

TEST_F(ContentsTest, WithoutTakingUpThePartialStays) {
  {
    Contents contents(*partial_, space_, clock_);
    ASSERT_TRUE(Restart(contents, Object()).ok());
    BringAll(contents);
    ASSERT_TRUE(contents.Save().ok());
  }
  {
    Contents contents(*partial_, space_, clock_);
    EXPECT_EQ(contents.done_bytes(), 0);
    contents.Keep();
  }
  EXPECT_EQ(partial_->ledger()->parts.size(), 6u);
}

TEST_F(ContentsTest, ARestartCountsNothingOfWhatWasTaken) {
  Contents contents(*partial_, space_, clock_);
  ASSERT_TRUE(Restart(contents, Object()).ok());
  std::optional<Contents::Span> old = contents.Take(kPart);
  Bring(contents, *old, 9);
  ASSERT_TRUE(contents.Follow({}).ok());
  ASSERT_TRUE(Restart(contents, Object()).ok());
  EXPECT_EQ(contents.done_bytes(), 0);
  const std::optional<Contents::Span> again = contents.Take(kPart);
  EXPECT_EQ(again->rest, (ByteRange{0, kPart}));
  contents.GiveBack(*old);
  EXPECT_EQ(contents.free_bytes(), Object().size - kPart);
  contents.GiveBack(*again);
  BringAll(contents);
  ASSERT_TRUE(contents.Follow({}).ok());
  EXPECT_EQ(contents.FinishDigest(), Sha256Hex(body_));
}

TEST_F(ContentsTest, WithoutALedgerThereIsOneStream) {
  Contents contents(*partial_, space_, clock_);
  ASSERT_TRUE(contents.Restart(std::nullopt, 0).ok());
  std::optional<Contents::Span> span = contents.Take(1);
  EXPECT_FALSE(contents.Take(1).has_value());
  Bring(contents, *span, static_cast<int64_t>(body_.size()));
  contents.GiveBack(*span);
  ASSERT_TRUE(contents.Follow({}).ok());
  EXPECT_TRUE(contents.followed());
  EXPECT_FALSE(contents.complete());
  EXPECT_EQ(contents.done_bytes(), static_cast<int64_t>(body_.size()));
  EXPECT_EQ(contents.FinishDigest(), Sha256Hex(body_));
  contents.Keep();
  EXPECT_FALSE(IsThere(directory_));
}

TEST_F(ContentsTest, ALedgerIsDueWhenMuchIsUnsaved) {
  Contents contents(*partial_, space_, clock_);
  EXPECT_FALSE(contents.IsSaveDue());
  Ledger object = Object();
  object.size = 40 * kPart;
  ASSERT_TRUE(Restart(contents, object).ok());
  const std::string part(kPart, 'p');
  for (int i = 0; i < 8; ++i) {
    EXPECT_FALSE(contents.IsSaveDue());
    std::optional<Contents::Span> span = contents.Take(kPart);
    ASSERT_TRUE(contents.Write(*span, part).ok());
  }
  EXPECT_TRUE(contents.IsSaveDue());
  ASSERT_TRUE(contents.Save().ok());
  EXPECT_EQ(partial_->ledger()->parts.size(), 8u);
  EXPECT_FALSE(contents.IsSaveDue());
}

TEST_F(ContentsTest, TellsHowLongWritesHaveWaitedForTheLedger) {
  const std::string body(40 * kPart, 'x');
  Contents contents(*partial_, space_, clock_);
  Ledger object = Object();
  object.size = static_cast<int64_t>(body.size());
  ASSERT_TRUE(Restart(contents, object).ok());
  std::optional<Contents::Span> span = contents.Take(object.size);
  const absl::string_view bytes = body;
  ASSERT_TRUE(contents.Write(*span, bytes.substr(0, 8 * kPart)).ok());
  absl::Notification saving;
  absl::Notification saved;
  before_sync = [&] {
    saving.Notify();
    saved.WaitForNotification();
  };
  std::jthread saver([&] { EXPECT_TRUE(contents.Save().ok()); });
  saving.WaitForNotification();
  // As much as may come meanwhile.
  ASSERT_TRUE(contents.Write(*span, bytes.substr(8 * kPart, 16 * kPart)).ok());
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(contents.TakeWaited(), absl::ZeroDuration());
  std::jthread writer([&] {
    EXPECT_TRUE(contents.Write(*span, bytes.substr(24 * kPart, kPart)).ok());
  });
  do {
    clock_.Advance(absl::Seconds(1));
  } while (contents.TakeWaited() == absl::ZeroDuration());
  clock_.Advance(absl::Seconds(3));
  EXPECT_EQ(contents.TakeWaited(), absl::Seconds(3));
  EXPECT_EQ(contents.TakeWaited(), absl::ZeroDuration());
  saved.Notify();
  saver.join();
  before_sync = nullptr;
  writer.join();
  (void)contents.TakeWaited();
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(contents.TakeWaited(), absl::ZeroDuration());
}

TEST_F(ContentsTest, WhatWasSetAsideIsGivenBack) {
  Contents contents(*partial_, space_, clock_);
  Ledger object = Object();
  object.size = 1000 * kPart;
  ASSERT_TRUE(Restart(contents, object).ok());
  struct stat info;
  ASSERT_EQ(::fstat(partial_->fd(), &info), 0);
  EXPECT_EQ(info.st_size, 0);
  EXPECT_GE(info.st_blocks * 512, object.size);
  std::optional<Contents::Span> first = contents.Take(kPart);
  std::optional<Contents::Span> second = contents.Take(kPart);
  Bring(contents, *second, kPart);
  contents.GiveBack(*second);
  contents.GiveBack(*first);
  contents.Keep();
  ASSERT_EQ(::fstat(partial_->fd(), &info), 0);
  EXPECT_EQ(info.st_size, 2 * kPart);
  EXPECT_LE(info.st_blocks * 512, 3 * kPart);
}

TEST_F(ContentsTest, MoreThanTheDiskHasIsRefused) {
  Contents contents(*partial_, space_, clock_);
  Ledger object = Object();
  object.size = int64_t{1} << 60;
  object.part_size = int64_t{1} << 45;
  const absl::Status status = Restart(contents, object);
  EXPECT_EQ(ReasonOf(status), Reason::kDiskFull);
  contents.Keep();
  EXPECT_FALSE(IsThere(directory_));
}

TEST_F(ContentsTest, AFullDiskKeepsWhatHasCome) {
  Space limited(
      {.path = dir_.path(), .min_free = 0, .max_bytes = 2 * kPart, .usage = [] {
         return absl::StatusOr<int64_t>(0);
       }});
  {
    Contents contents(*partial_, space_, clock_);
    ASSERT_TRUE(Restart(contents, Object()).ok());
    std::optional<Contents::Span> span = contents.Take(kPart);
    Bring(contents, *span, kPart);
    contents.Keep();
  }
  Reopen();
  Contents contents(*partial_, limited, clock_);
  EXPECT_EQ(ReasonOf(contents.TakeUp()), Reason::kDiskFull);
  contents.Keep();
  EXPECT_EQ(partial_->ledger()->parts.size(), 1u);
}

TEST_F(ContentsTest, AStopEndsTheFollowing) {
  Contents contents(*partial_, space_, clock_);
  ASSERT_TRUE(Restart(contents, Object()).ok());
  BringAll(contents);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(absl::IsCancelled(contents.Follow(stop.get_token()).status()));
}

TEST_F(ContentsTest, StreamsAndTheFollowerWorkAtTheSameTime) {
  Contents contents(*partial_, space_, clock_);
  ASSERT_TRUE(Restart(contents, Object()).ok());
  {
    std::vector<std::jthread> streams;
    for (int i = 0; i < 3; ++i) {
      streams.emplace_back([&] {
        while (std::optional<Contents::Span> span = contents.Take(kPart)) {
          Bring(contents, *span,
                std::min<int64_t>(1000, span->rest.end - span->rest.begin));
          contents.GiveBack(*span);
        }
      });
    }
    while (!contents.complete()) {
      ASSERT_TRUE(contents.Follow({}).ok());
      ASSERT_TRUE(contents.Save().ok());
    }
  }
  ASSERT_TRUE(contents.Follow({}).ok());
  EXPECT_EQ(contents.FinishDigest(), Sha256Hex(body_));
}

// Last, since it gives this process namespaces of its own.
TEST_F(ContentsTest, OnAFullDiskWhatIsNotWholeMakesRoomForTheLedger) {
  partial_.reset();
  if (!MountSmallDisk(dir_.path())) {
    GTEST_SKIP() << "user namespaces are not allowed here";
  }
  partial_ = *Partial::Open(directory_, kUrl, {});
  {
    Contents contents(*partial_, space_, clock_);
    ASSERT_TRUE(Restart(contents, Object()).ok());
    std::optional<Contents::Span> span = contents.Take(2 * kPart);
    Bring(contents, *span, kPart + kPart / 2);
    UniqueFd filler(::open(dir_.Below("filler").c_str(),
                           O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    while (WriteAll(filler.get(), std::string(4096, 'x')).ok()) {
    }
    contents.Keep();
  }
  Reopen();
  ASSERT_TRUE(partial_->ledger());
  EXPECT_EQ(partial_->ledger()->parts.size(), 1u);
}

}  // namespace
}  // namespace hubd
