#include "server/fetch/download.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/base/crc32c.h"
#include "server/base/digest.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "tests/server/base/temp_dir.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_http_transport.h"

// Whether the disk takes the bytes; none: as it does.
static std::function<bool()> disk_takes;

// In place of libc's.
extern "C" int fdatasync(int fd) {
  if (!disk_takes || disk_takes()) {
    return static_cast<int>(syscall(SYS_fdatasync, fd));
  }
  errno = EIO;
  return -1;
}

// Called before each write; none: nothing is.
static std::function<void()> before_write;

// How many bytes more it takes; none: all.
static std::optional<std::atomic<int64_t>> disk_has;

// In place of libc's.
extern "C" ssize_t pwrite(int fd, const void* bytes, size_t count,
                          off_t offset) {
  if (before_write) before_write();
  if (disk_has) {
    const int64_t had = disk_has->fetch_sub(static_cast<int64_t>(count));
    if (had <= 0) {
      errno = ENOSPC;
      return -1;
    }
    count = std::min(count, static_cast<size_t>(had));
  }
  return syscall(SYS_pwrite64, fd, bytes, count, offset);
}

namespace hubd {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;

constexpr char kUrl[] = "https://h.org/w";
constexpr size_t kPart = 2 << 20;
// What is asked for of an object of which nothing is known.
constexpr char kFirst[] = "0-33554431";

// Of five parts and a bit; no two places look alike.
std::string Body(char first = 'a') {
  std::string body(5 * kPart + 5, first);
  for (size_t i = 0; i + 8 <= body.size(); i += 4096) {
    body.replace(i, 8, absl::StrCat(1'0000'000 + i / 4096));
  }
  return body;
}

class DownloadTest : public testing::Test {
 protected:
  DownloadTest() { Serve(body_, "\"e\""); }
  ~DownloadTest() override {
    disk_takes = nullptr;
    before_write = nullptr;
    disk_has.reset();
  }

  void Serve(const std::string& body, const std::string& etag,
             std::vector<size_t> cuts = {}) {
    auto answer = FakeHttpTransport::Ranged(body, etag);
    answer.cuts = std::move(cuts);
    http_.Set(kUrl, answer);
  }

  // Its other half comes at http_.Release().
  void HoldHalfOf(const std::string& body) {
    FakeHttpTransport::Answer answer;
    answer.response.status = 200;
    answer.response.headers["etag"] = "\"e\"";
    answer.response.content_length = static_cast<int64_t>(body.size());
    answer.body = body;
    answer.held = true;
    http_.Set(kUrl, answer);
  }

  // In a fresh process, as it were.
  absl::StatusOr<Downloaded> Run(int tries = 1,
                                 const std::stop_token& stop = {}) {
    Partial partial = *Partial::Open(directory_, kUrl, {});
    absl::StatusOr<Downloaded> got = Download(
        {.retry = {.tries = tries, .base = absl::ZeroDuration()}},
        {http_, connections_, space_, clock_}, request_, partial,
        [this](const Progress& progress) { progress_ = progress; }, stop);
    if (got.ok() && !got->unchanged) {
      bytes_ = *ReadFile(Data(), 1 << 30);
      // As if it had been published.
      EXPECT_TRUE(partial.Remove().ok());
    }
    return got;
  }

  // Tells it that all bytes have come.
  static ProgressFn TellEnd(absl::Notification& all) {
    return [&all](const Progress& progress) {
      const bool ends = progress.done_bytes == progress.total_bytes;
      if (ends && !all.HasBeenNotified()) all.Notify();
    };
  }

  // From there to the end.
  std::string From(size_t offset) const {
    return absl::StrCat(offset, "-", body_.size() - 1);
  }

  TempDir disk_;
  Space space_{{.path = disk_.path(), .min_free = 0}};

  std::string Data() const { return directory_ + "/data"; }

  // What was asked for, in short.
  std::vector<std::string> Ranges() const {
    std::vector<std::string> ranges;
    for (const HttpRequest& request : http_.requests()) {
      std::string range = "all";
      for (const std::string& header : request.headers) {
        if (absl::StartsWith(header, "Range: ")) range = header.substr(13);
      }
      ranges.push_back(range);
    }
    return ranges;
  }

  void ExpectAll(const absl::StatusOr<Downloaded>& got,
                 const std::string& body) {
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_EQ(got->sha256, Sha256Hex(body));
    EXPECT_EQ(got->size_bytes, static_cast<int64_t>(body.size()));
    EXPECT_TRUE(bytes_ == body);
  }

  TempDir dir_;
  const std::string directory_ = dir_.Below("partial");
  const std::string body_ = Body();
  FakeHttpTransport http_;
  DownloadRequest request_{.url = kUrl};
  ConnectionBudget connections_{{.per_object = 1}};
  FakeClock clock_;
  Progress progress_;
  std::string bytes_;
};

TEST_F(DownloadTest, BringsAllBytesByOneRequest) {
  const absl::StatusOr<Downloaded> got = Run();
  ExpectAll(got, body_);
  EXPECT_FALSE(got->resumed || got->changed || got->unchanged);
  EXPECT_EQ(progress_.done_bytes, static_cast<int64_t>(body_.size()));
  EXPECT_EQ(progress_.total_bytes, progress_.done_bytes);
  EXPECT_THAT(Ranges(), ElementsAre(kFirst));
}

TEST_F(DownloadTest, WhatBrokeOffGoesOnWhereItEnded) {
  Serve(body_, "\"e\"", {kPart + 7, 3});
  const absl::StatusOr<Downloaded> got = Run(3);
  ExpectAll(got, body_);
  // It came in this call.
  EXPECT_FALSE(got->resumed);
  EXPECT_THAT(Ranges(), ElementsAre(kFirst, From(kPart + 7), From(kPart + 10)));
}

TEST_F(DownloadTest, AnotherCallGoesOnBehindTheLastWholePart) {
  Serve(body_, "\"e\"", {2 * kPart + 7, 0});
  EXPECT_EQ(ReasonOf(Run().status()), Reason::kUpstreamUnavailable);
  const absl::StatusOr<Downloaded> got = Run();
  ExpectAll(got, body_);
  EXPECT_TRUE(got->resumed);
  EXPECT_EQ(got->response.headers.at("etag"), "\"e\"");
  EXPECT_THAT(Ranges(),
              ElementsAre(kFirst, From(2 * kPart + 7), From(2 * kPart)));
}

TEST_F(DownloadTest, OfAWholeObjectTheLastPartIsAskedForAgain) {
  {
    Partial partial = *Partial::Open(directory_, kUrl, {});
    ASSERT_TRUE(WriteAll(partial.fd(), body_).ok());
    Ledger ledger = {
        kUrl, "\"e\"", static_cast<int64_t>(body_.size()), kPart, {}};
    for (int64_t part = 0; part < 6; ++part) {
      ledger.parts[part] =
          ExtendCrc32c(0, absl::string_view(body_).substr(part * kPart, kPart));
    }
    ASSERT_TRUE(partial.Save(ledger).ok());
  }
  const absl::StatusOr<Downloaded> got = Run();
  ExpectAll(got, body_);
  EXPECT_TRUE(got->resumed);
  EXPECT_THAT(Ranges(), ElementsAre(From(5 * kPart)));
}

TEST_F(DownloadTest, ABreakBehindTheLastByteIsNone) {
  Serve(body_, "\"e\"", {body_.size()});
  ExpectAll(Run(), body_);
  EXPECT_THAT(Ranges(), ElementsAre(kFirst));
}

TEST_F(DownloadTest, TheLedgerIsWrittenWhileBytesCome) {
  HoldHalfOf(std::string(34 * kPart, 'x'));
  std::stop_source stop;
  std::jthread run([&] { (void)Run(1, stop.get_token()); });
  // Half of it comes, which is more than the eight parts that go without one.
  const absl::Time end = absl::Now() + absl::Minutes(1);
  while (!IsThere(directory_ + "/ledger") && absl::Now() < end) {
    std::this_thread::yield();
  }
  absl::StatusOr<Ledger> ledger =
      DecodeLedger(*ReadFile(directory_ + "/ledger"));
  ASSERT_TRUE(ledger.ok()) << ledger.status();
  EXPECT_GE(ledger->parts.size(), 8u);
  stop.request_stop();
}

TEST_F(DownloadTest, BelowOnePartNothingIsKept) {
  Serve(body_, "\"e\"", {kPart - 1, 0});
  EXPECT_FALSE(Run().ok());
  EXPECT_FALSE(IsThere(directory_));
  ExpectAll(Run(), body_);
  EXPECT_EQ(Ranges().back(), kFirst);
}

TEST_F(DownloadTest, APartThatWasDamagedIsFetchedAgain) {
  Serve(body_, "\"e\"", {2 * kPart, 0});
  EXPECT_FALSE(Run().ok());
  {
    Partial partial = *Partial::Open(directory_, kUrl, {});
    ASSERT_EQ(::pwrite(partial.fd(), "!", 1, kPart + 5), 1);
  }
  ExpectAll(Run(), body_);
  // Seen when it is read for the digest, while the rest comes.
  EXPECT_THAT(Ranges(), Contains(absl::StrCat(kPart, "-", 2 * kPart - 1)));
}

TEST_F(DownloadTest, AnObjectThatHasChangedComesAnew) {
  Serve(body_, "\"e\"", {2 * kPart, 0});
  EXPECT_FALSE(Run().ok());
  const std::string other = Body('b');
  Serve(other, "\"f\"");
  const absl::StatusOr<Downloaded> got = Run();
  ExpectAll(got, other);
  EXPECT_TRUE(got->changed);
  EXPECT_FALSE(got->resumed);
  // The answer to If-Range is all of it: nothing more is asked for.
  EXPECT_EQ(Ranges().size(), 3u);
}

TEST_F(DownloadTest, AServerThatGivesNoRangesAnyMoreIsTakenAtItsWord) {
  Serve(body_, "\"e\"", {2 * kPart, 0});
  EXPECT_FALSE(Run().ok());
  http_.Serve(kUrl, body_, {{"etag", "\"e\""}});
  const absl::StatusOr<Downloaded> got = Run();
  ExpectAll(got, body_);
  EXPECT_FALSE(got->changed);
  EXPECT_FALSE(got->resumed);
}

TEST_F(DownloadTest, AnAnswerThatIsNotTheRestIsNotTaken) {
  const std::string rest = absl::StrCat("bytes ", 2 * kPart, "-",
                                        body_.size() - 1, "/", body_.size());
  const std::map<std::string, std::string> answers[] = {
      {{"content-range", "bytes 0-4/5"}, {"etag", "\"e\""}},
      {{"content-range", absl::StrCat("bytes ", 2 * kPart, "-9/*")},
       {"etag", "\"e\""}},
      {{"content-range", rest}, {"etag", "\"f\""}},
      {{"content-range", rest}, {"etag", "W/\"e\""}},
      {{"content-range", rest}},
      {{"content-range", rest},
       {"etag", "\"e\""},
       {"content-encoding", "gzip"}},
  };
  for (const auto& headers : answers) {
    Serve(body_, "\"e\"", {2 * kPart, 0});
    EXPECT_FALSE(Run().ok());
    const size_t before = Ranges().size();
    FakeHttpTransport::Answer odd;
    odd.response.status = 206;
    odd.response.headers = headers;
    odd.body = "odd";
    http_.Set(kUrl, odd);
    // Asked for all of it, the server still answers so.
    EXPECT_EQ(ReasonOf(Run(2).status()), Reason::kUpstreamUnavailable);
    EXPECT_EQ(Ranges().size(), before + 2);
    EXPECT_EQ(Ranges().back(), "all");
    ASSERT_TRUE(RemoveAll(directory_).ok());
  }
}

TEST_F(DownloadTest, AShorterObjectComesAnew) {
  Serve(body_, "\"e\"", {2 * kPart, 0});
  EXPECT_FALSE(Run().ok());
  // Its If-Range is not looked at, and the range is beyond its end.
  Serve("short", "\"e\"");
  const absl::StatusOr<Downloaded> got = Run();
  ExpectAll(got, "short");
  EXPECT_FALSE(got->resumed);
}

TEST_F(DownloadTest, AServerThatRefusesRangesIsAskedForAll) {
  for (const int status : {400, 403, 412, 416}) {
    Serve(body_, "\"e\"", {2 * kPart, 0});
    EXPECT_FALSE(Run().ok());
    FakeHttpTransport::Answer refuses;
    refuses.response.status = status;
    http_.Set(kUrl, refuses);
    EXPECT_FALSE(Run().ok());
    EXPECT_EQ(Ranges().back(), "all") << status;
    ASSERT_TRUE(RemoveAll(directory_).ok());
  }
}

TEST_F(DownloadTest, ALimitLosesNothing) {
  Serve(body_, "\"e\"", {2 * kPart, 0});
  EXPECT_FALSE(Run().ok());
  FakeHttpTransport::Answer limits;
  limits.response.status = 403;
  limits.response.headers["retry-after"] = "3600";
  http_.Set(kUrl, limits);
  EXPECT_EQ(ReasonOf(Run().status()), Reason::kRateLimited);
  Serve(body_, "\"e\"");
  const absl::StatusOr<Downloaded> got = Run();
  ExpectAll(got, body_);
  EXPECT_TRUE(got->resumed);
}

TEST_F(DownloadTest, AServerWithoutRangesIsNotAskedForEver) {
  FakeHttpTransport::Answer answer;
  answer.response.status = 200;
  answer.response.headers["etag"] = "\"e\"";
  answer.response.content_length = static_cast<int64_t>(body_.size());
  answer.body = body_;
  for (size_t i = 0; i < 100; ++i) answer.cuts.push_back((1 + i % 2) * kPart);
  http_.Set(kUrl, answer);
  EXPECT_FALSE(Run(3).ok());
  EXPECT_LT(Ranges().size(), 6u);
}

TEST_F(DownloadTest, ADateTellsObjectsApartAMinuteLater) {
  const char kChanged[] = "Sat, 28 Nov 2026 20:00:00 GMT";
  const std::pair<const char*, bool> dates[] = {
      {"Sat, 28 Nov 2026 20:01:00 GMT", true},
      {"Sat, 28 Nov 2026 20:00:59 GMT", false},
      {"yesterday", false}};
  for (const auto& [date, kept] : dates) {
    FakeHttpTransport::Answer answer;
    answer.response.status = 200;
    answer.response.headers["last-modified"] = kChanged;
    answer.response.headers["date"] = date;
    answer.response.content_length = static_cast<int64_t>(body_.size());
    answer.body = body_;
    answer.ranges = true;
    answer.cuts = {2 * kPart, 0};
    http_.Set(kUrl, answer);
    EXPECT_FALSE(Run().ok());
    answer.cuts.clear();
    http_.Set(kUrl, answer);
    const absl::StatusOr<Downloaded> got = Run();
    ExpectAll(got, body_);
    EXPECT_EQ(got->resumed, kept) << date;
    ASSERT_TRUE(RemoveAll(directory_).ok());
  }
}

TEST_F(DownloadTest, WithoutAValidatorEveryTryBeginsAnew) {
  for (const std::string& etag : {std::string(), std::string("W/\"e\"")}) {
    Serve(body_, etag, {2 * kPart + 1});
    ExpectAll(Run(2), body_);
    Serve(body_, etag, {2 * kPart + 1});
    EXPECT_FALSE(Run().ok());
    EXPECT_FALSE(IsThere(directory_));
  }
  // A range that is the whole object needs none.
  for (const std::string& range : Ranges()) EXPECT_EQ(range, kFirst);
}

TEST_F(DownloadTest, ProgressGivesAllTriesBack) {
  constexpr size_t kMuch = 256 << 10;
  Serve(body_, "\"e\"", {kMuch, kMuch, kMuch, kMuch});
  ExpectAll(Run(2), body_);
  // However many failures it takes to come.
  constexpr size_t kHalf = kMuch / 2;
  Serve(body_, "\"e\"", {kHalf, kHalf, kHalf, kHalf});
  ExpectAll(Run(3), body_);
  // It is counted once.
  Serve(body_, "\"e\"", {kMuch, kHalf, kHalf - 1});
  EXPECT_FALSE(Run(2).ok());
  // A little is none, and what is not kept neither.
  Serve(body_, "\"e\"", {kHalf, kHalf - 1});
  EXPECT_FALSE(Run(2).ok());
  Serve(body_, "", {kMuch, kMuch});
  EXPECT_FALSE(Run(2).ok());
}

TEST_F(DownloadTest, WithoutProgressTheLastFailureIsTheResult) {
  Serve(body_, "\"e\"", {0, 0, 0, 0, 0, 0, 0});
  EXPECT_EQ(Run(3).status().message(), "it broke off");
  EXPECT_EQ(Ranges().size(), 3u);
}

TEST_F(DownloadTest, WhatIsNotThereIsNotAskedForTwice) {
  FakeHttpTransport::Answer gone;
  gone.response.status = 404;
  http_.Set(kUrl, gone);
  EXPECT_EQ(ReasonOf(Run(5).status()), Reason::kCheckpointNotFound);
  EXPECT_EQ(Ranges().size(), 1u);
  EXPECT_FALSE(IsThere(directory_));
}

TEST_F(DownloadTest, AConditionMayEndIt) {
  request_.conditions = {"If-None-Match: \"e\""};
  FakeHttpTransport::Answer same;
  same.response.status = 304;
  http_.Set(kUrl, same);
  const absl::StatusOr<Downloaded> got = Run();
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_TRUE(got->unchanged);
}

TEST_F(DownloadTest, WhatIsNewerThanAConditionIsGoneOnWith) {
  request_.conditions = {"If-None-Match: \"old\""};
  Serve(body_, "\"e\"", {2 * kPart, 0});
  EXPECT_FALSE(Run().ok());
  ExpectAll(Run(), body_);
  EXPECT_EQ(Ranges().back(), From(2 * kPart));
  EXPECT_EQ(http_.requests().back().headers.size(), 2u);
}

TEST_F(DownloadTest, AFailureBeforeAnAnswerLosesNothing) {
  Serve(body_, "\"e\"", {2 * kPart, 0});
  EXPECT_FALSE(Run().ok());
  FakeHttpTransport::Answer down;
  down.response.status = 503;
  http_.Set(kUrl, down);
  EXPECT_FALSE(Run().ok());
  request_.conditions = {"If-None-Match: \"e\""};
  EXPECT_FALSE(Run().ok());
  EXPECT_EQ(Partial::Open(directory_, kUrl, {})->ledger()->parts.size(), 2u);
}

TEST_F(DownloadTest, ADiskThatIsTooSmallSaysSoBeforeAByteComes) {
  FakeHttpTransport::Answer answer;
  answer.response.status = 200;
  answer.response.headers["etag"] = "\"e\"";
  answer.response.content_length = int64_t{1} << 60;
  answer.body = "x";
  http_.Set(kUrl, answer);
  const absl::Status status = Run(5).status();
  EXPECT_EQ(ReasonOf(status), Reason::kDiskFull);
  EXPECT_TRUE(absl::StrContains(status.message(), "1152921504606846976 bytes"))
      << status;
  EXPECT_FALSE(IsThere(directory_));
}

TEST_F(DownloadTest, OnlyTheRestNeedsRoom) {
  int64_t used = 0;
  Space limited({.path = disk_.path(),
                 .min_free = 0,
                 .max_bytes = 30 << 20,
                 .usage = [&used] { return absl::StatusOr<int64_t>(used); }});
  const std::string body(28 << 20, 'x');
  const auto run = [&] {
    Partial partial = *Partial::Open(directory_, kUrl, {});
    return Download({.retry = {.tries = 1}},
                    {http_, connections_, limited, clock_}, request_, partial,
                    [](const Progress&) {}, {})
        .status();
  };
  Serve(body, "\"e\"", {17 << 20, 1});
  EXPECT_EQ(ReasonOf(run()), Reason::kUpstreamUnavailable);
  used = 17 << 20;
  Serve(body, "\"e\"");
  EXPECT_TRUE(run().ok());
  // Nothing is promised any more.
  EXPECT_TRUE(limited.Reserve(13 << 20).ok());
}

TEST_F(DownloadTest, ADiskThatGetsFullOnTheWayKeepsWhatHasCome) {
  disk_has.emplace(3 * kPart + 7);
  const absl::Status status = Run(5).status();
  EXPECT_EQ(ReasonOf(status), Reason::kDiskFull) << status;
  EXPECT_EQ(http_.requests().size(), 1u);
  disk_has.reset();
  ExpectAll(Run(), body_);
  EXPECT_EQ(Ranges().back(), From(3 * kPart));
}

TEST_F(DownloadTest, WithoutALengthTheRoomEndsOnTheWay) {
  Space limited(
      {.path = disk_.path(), .min_free = 0, .max_bytes = 3 << 20, .usage = [] {
         return absl::StatusOr<int64_t>(0);
       }});
  FakeHttpTransport::Answer answer;
  answer.response.status = 200;
  answer.response.content_length = -1;
  answer.body = std::string(8 << 20, 'x');
  http_.Set(kUrl, answer);
  Partial partial = *Partial::Open(directory_, kUrl, {});
  const absl::Status status =
      Download({.retry = {.tries = 1}}, {http_, connections_, limited, clock_},
               request_, partial, [](const Progress&) {}, {})
          .status();
  EXPECT_EQ(ReasonOf(status), Reason::kDiskFull) << status;
  EXPECT_TRUE(limited.Reserve(3 << 20).ok());
}

TEST_F(DownloadTest, AStopKeepsWhatHasCome) {
  HoldHalfOf(body_);
  std::stop_source stop;
  std::optional<absl::StatusOr<Downloaded>> got;
  {
    std::jthread run([&] { got = Run(5, stop.get_token()); });
    http_.AwaitRequests(1);
    stop.request_stop();
  }
  EXPECT_TRUE(absl::IsCancelled(got->status())) << got->status();
  // Half of it had come.
  EXPECT_EQ(Partial::Open(directory_, kUrl, {})->ledger()->parts.size(), 2u);
}

TEST_F(DownloadTest, WhatTheDiskLosesAtTheEndIsNotKept) {
  disk_takes = [] { return false; };
  const absl::Status status = Run().status();
  EXPECT_TRUE(absl::StrContains(status.message(), "cannot sync")) << status;
  EXPECT_FALSE(IsThere(directory_));
}

TEST_F(DownloadTest, WhatTheDiskLosesOnTheWayEndsIt) {
  HoldHalfOf(std::string(34 * kPart, 'x'));
  disk_takes = [] { return false; };
  const absl::Status status = Run(5).status();
  EXPECT_TRUE(absl::StrContains(status.message(), "cannot sync")) << status;
  EXPECT_FALSE(IsThere(directory_));
}

TEST_F(DownloadTest, BytesComeWhileTheLedgerIsWritten) {
  HoldHalfOf(std::string(24 * kPart, 'x'));
  absl::Notification all;
  std::optional<bool> came;
  disk_takes = [&] {
    http_.Release();
    if (!came) came = all.WaitForNotificationWithTimeout(absl::Seconds(30));
    return true;
  };
  Partial partial = *Partial::Open(directory_, kUrl, {});
  const auto got = Download({}, {http_, connections_, space_, clock_}, request_,
                            partial, TellEnd(all), {});
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(came, true);
}

TEST_F(DownloadTest, WhatCameWhileTheLedgerWasWrittenIsSavedAtOnce) {
  constexpr auto kLong = absl::Seconds(30);
  HoldHalfOf(std::string(32 * kPart, 'x'));
  absl::Notification came;
  absl::Notification saved_again;
  int saves = 0;
  disk_takes = [&] {
    if (++saves == 1) {
      http_.Release();
      came.WaitForNotificationWithTimeout(kLong);
    } else if (saves == 2) {
      saved_again.Notify();
    }
    return true;
  };
  // Nothing more comes.
  before_write = [&] {
    if (came.HasBeenNotified()) {
      saved_again.WaitForNotificationWithTimeout(kLong);
    }
  };
  bool at_once = false;
  const ProgressFn follow = [&](const Progress& progress) {
    if (progress.done_bytes < int64_t{24 * kPart} || came.HasBeenNotified()) {
      return;
    }
    came.Notify();
    // Who follows is busy.
    at_once = saved_again.WaitForNotificationWithTimeout(kLong);
  };
  Partial partial = *Partial::Open(directory_, kUrl, {});
  const auto got = Download({}, {http_, connections_, space_, clock_}, request_,
                            partial, follow, {});
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_TRUE(at_once);
}

TEST_F(DownloadTest, ASlowDiskIsWaitedFor) {
  constexpr int64_t kSmallPart = 4096;
  Serve(std::string(2000 * kSmallPart, 'x'), "\"e\"");
  absl::Notification all;
  std::optional<bool> came;
  disk_takes = [&] {
    if (!came) came = all.WaitForNotificationWithTimeout(absl::Seconds(2));
    return true;
  };
  Partial partial = *Partial::Open(directory_, kUrl, {});
  const auto got = Download({.retry = {}, .part_bytes = kSmallPart},
                            {http_, connections_, space_, clock_}, request_,
                            partial, TellEnd(all), {});
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(came, false);
}

TEST_F(DownloadTest, ASlowDiskIsNoReasonForMoreConnections) {
  constexpr int64_t kSmallPart = 4096;
  Serve(std::string(2000 * kSmallPart, 'x'), "\"e\"");
  ConnectionBudget connections({});
  std::atomic<bool> slow = false;
  absl::Notification enough;
  disk_takes = [&] {
    slow = true;
    enough.WaitForNotificationWithTimeout(absl::Seconds(30));
    return true;
  };
  const absl::Time end = clock_.Now() + absl::Seconds(4);
  int64_t before = 0;
  int most = 0;
  const ProgressFn follow = [&](const Progress& progress) {
    if (enough.HasBeenNotified()) return;
    most = std::max(most, progress.connections);
    // All that comes waits for the disk.
    const bool waits =
        progress.done_bytes == std::exchange(before, progress.done_bytes);
    if (!slow || !waits) return;
    clock_.Advance(absl::Milliseconds(200));
    if (clock_.Now() > end) enough.Notify();
  };
  Partial partial = *Partial::Open(directory_, kUrl, {});
  const auto got = Download({.retry = {}, .part_bytes = kSmallPart},
                            {http_, connections, space_, clock_}, request_,
                            partial, follow, {});
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_TRUE(enough.HasBeenNotified());
  EXPECT_EQ(most, 4);
}

TEST_F(DownloadTest, AnEmptyObjectIsOne) {
  Serve("", "\"e\"");
  ExpectAll(Run(), "");
}

}  // namespace
}  // namespace hubd
