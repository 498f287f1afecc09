#include "server/store/partial.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/base/crc32c.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "server/base/unique_fd.h"
#include "server/store/lease.h"
#include "tests/server/base/temp_dir.h"

namespace hubd {
namespace {

const char kUrl[] = "https://h/x";
constexpr int64_t kPartSize = 10;
// Three parts, the last one short.
const char kBytes[] = "0123456789abcdefghijKLMNO";

mode_t ModeOf(const std::string& path) {
  struct stat info;
  EXPECT_EQ(::lstat(path.c_str(), &info), 0) << path;
  return info.st_mode & 07777;
}

void SetTime(const std::string& path, absl::Time time) {
  const timespec times[] = {absl::ToTimespec(time), absl::ToTimespec(time)};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW), 0);
}

class PartialTest : public testing::Test {
 protected:
  Partial Open(const std::string& url = kUrl) {
    absl::StatusOr<Partial> partial = Partial::Open(directory_, url, {});
    EXPECT_TRUE(partial.ok()) << partial.status();
    return *std::move(partial);
  }

  // Writes those parts of kBytes at their places.
  static void Write(const Partial& partial, const std::vector<int64_t>& parts) {
    for (int64_t number : parts) {
      const std::string part = PartOf(number);
      ASSERT_EQ(
          ::pwrite(partial.fd(), part.data(), part.size(), number * kPartSize),
          static_cast<ssize_t>(part.size()));
    }
  }

  static Ledger LedgerOf(const std::vector<int64_t>& parts) {
    Ledger ledger = {kUrl, "\"v\"", sizeof(kBytes) - 1, kPartSize, {}};
    for (int64_t number : parts) {
      ledger.parts[number] = ExtendCrc32c(0, PartOf(number));
    }
    return ledger;
  }

  // Leaves a partial with those parts.
  void Leave(const std::vector<int64_t>& parts) {
    Partial partial = Open();
    Write(partial, parts);
    ASSERT_TRUE(partial.Save(LedgerOf(parts)).ok());
  }

  void Overwrite(int64_t offset, const std::string& bytes) {
    UniqueFd fd(::open(data_.c_str(), O_WRONLY | O_CLOEXEC));
    ASSERT_EQ(::pwrite(fd.get(), bytes.data(), bytes.size(), offset),
              static_cast<ssize_t>(bytes.size()));
  }

  void ExpectNothing(const Partial& partial) {
    EXPECT_EQ(partial.ledger(), std::nullopt);
    EXPECT_EQ(*ReadFile(data_), "");
    EXPECT_FALSE(IsThere(ledger_));
  }

  static std::string PartOf(int64_t number) {
    return std::string(kBytes).substr(number * kPartSize, kPartSize);
  }

  TempDir dir_;
  const std::string directory_ = dir_.Below("partial");
  const std::string data_ = directory_ + "/data";
  const std::string ledger_ = directory_ + "/ledger";
};

TEST_F(PartialTest, WhereNoneIsOneIsMadeForItsOwnerAlone) {
  Partial partial = Open();
  ExpectNothing(partial);
  EXPECT_EQ(partial.directory(), directory_);
  EXPECT_EQ(ModeOf(directory_), 0700u);
  EXPECT_EQ(ModeOf(data_), 0600u);
}

TEST_F(PartialTest, AGoodOneIsTakenUpAsItWasLeft) {
  Leave({0, 2});
  Partial partial = Open();
  EXPECT_EQ(partial.ledger(), LedgerOf({0, 2}));
  Write(partial, {1});
  ASSERT_TRUE(partial.Save(LedgerOf({0, 1, 2})).ok());
  EXPECT_EQ(partial.ledger(), LedgerOf({0, 1, 2}));
  EXPECT_EQ(*ReadFile(data_), kBytes);
}

TEST_F(PartialTest, ACompleteOneThatWasNotPublishedIsWhole) {
  Leave({0, 1, 2});
  EXPECT_EQ(Open().ledger(), LedgerOf({0, 1, 2}));
  EXPECT_EQ(*ReadFile(data_), kBytes);
}

// Who reads them compares them.
TEST_F(PartialTest, ItsPartsAreNotRead) {
  Leave({0, 1, 2});
  Overwrite(15, "?");
  EXPECT_EQ(Open().ledger(), LedgerOf({0, 1, 2}));
}

TEST_F(PartialTest, PartsThatAreCutOrMissingAreDropped) {
  Leave({0, 1, 2});
  ASSERT_EQ(::truncate(data_.c_str(), 19), 0);
  EXPECT_EQ(Open().ledger(), LedgerOf({0}));
  ASSERT_TRUE(RemoveAll(data_).ok());
  ExpectNothing(Open());
}

TEST_F(PartialTest, TrimGivesBackWhatTheLedgerDoesNotName) {
  constexpr int64_t kMib = 1 << 20;
  Partial partial = Open();
  ASSERT_EQ(::fallocate(partial.fd(), FALLOC_FL_KEEP_SIZE, 0, 8 * kMib), 0);
  ASSERT_EQ(::pwrite(partial.fd(), "x", 1, 5 * kMib), 1);
  ASSERT_TRUE(partial.Save({kUrl, "v", 8 * kMib, kMib, {{1, 0}, {3, 0}}}).ok());
  ASSERT_TRUE(partial.Trim(*partial.ledger()).ok());
  struct stat info;
  ASSERT_EQ(::fstat(partial.fd(), &info), 0);
  EXPECT_EQ(info.st_size, 4 * kMib);
  EXPECT_LE(info.st_blocks * 512, 3 * kMib);
}

TEST_F(PartialTest, WhatIsLongerThanTheObjectIsCut) {
  Leave({0, 1});
  Overwrite(20, "KLMNOand more");
  EXPECT_EQ(Open().ledger(), LedgerOf({0, 1}));
  EXPECT_EQ(*ReadFile(data_), kBytes);
}

TEST_F(PartialTest, BelowOnePartItStartsFromNothing) {
  Write(Open(), {2});
  ExpectNothing(Open());
}

TEST_F(PartialTest, BytesThatTheLedgerDoesNotNameYetAreForgotten) {
  Leave({0});
  // As after a kill between bytes and ledger.
  Write(Open(), {1});
  EXPECT_EQ(Open().ledger(), LedgerOf({0}));
}

TEST_F(PartialTest, AGarbledLedgerCountsAsNone) {
  for (const std::string& text :
       {std::string("garbage"), std::string(), EncodeLedger({}),
        std::string((16 << 20) + 1, ' ')}) {
    Leave({0, 1});
    ASSERT_TRUE(WriteFileDurably(ledger_, text, 0600).ok());
    ExpectNothing(Open());
  }
}

TEST_F(PartialTest, ALedgerThatIsNoFileCountsAsNone) {
  Leave({0});
  ASSERT_TRUE(RemoveAll(ledger_).ok());
  ASSERT_EQ(::mkfifo(ledger_.c_str(), 0600), 0);
  ExpectNothing(Open());
}

TEST_F(PartialTest, TheLedgerOfAnotherUrlCountsAsNone) {
  Leave({0, 1});
  ExpectNothing(Open("https://h/y"));
}

TEST_F(PartialTest, RestartForgetsBytesAndLedger) {
  Leave({0, 1});
  {
    Partial partial = Open();
    ASSERT_TRUE(partial.Restart().ok());
    ExpectNothing(partial);
    Write(partial, {2});
    ASSERT_TRUE(partial.Save(LedgerOf({2})).ok());
  }
  EXPECT_EQ(Open().ledger(), LedgerOf({2}));
}

TEST_F(PartialTest, IsOneUsersAtATime) {
  Leave({0});
  {
    const Partial partial = Open();
    const absl::Status second = Partial::Open(directory_, kUrl, {}).status();
    EXPECT_TRUE(absl::IsAborted(second)) << second;
    EXPECT_TRUE(absl::StrContains(second.message(), data_)) << second;
    SetTime(data_, absl::UnixEpoch());
    SetTime(ledger_, absl::UnixEpoch());
    EXPECT_TRUE(
        PrunePartials(dir_.path(), absl::Now(), absl::ZeroDuration()).ok());
    EXPECT_TRUE(IsThere(ledger_));
  }
  EXPECT_EQ(Open().ledger(), LedgerOf({0}));
}

TEST_F(PartialTest, AnotherInItsPlaceIsLeftAlone) {
  Leave({0});
  Partial partial = Open();
  ASSERT_EQ(::rename(directory_.c_str(), dir_.Below("away").c_str()), 0);
  Leave({0, 1});
  EXPECT_TRUE(absl::IsUnavailable(partial.Save(LedgerOf({2}))));
  EXPECT_TRUE(absl::IsUnavailable(partial.Restart()));
  EXPECT_TRUE(absl::IsUnavailable(partial.Remove()));
  EXPECT_EQ(Open().ledger(), LedgerOf({0, 1}));
}

TEST_F(PartialTest, SaveLeavesNothingBesideAndIsForItsOwnerAlone) {
  Leave({0});
  EXPECT_EQ(*ListDirectory(directory_),
            (std::vector<std::string>{"data", "ledger"}));
  EXPECT_EQ(ModeOf(ledger_), 0600u);
}

TEST_F(PartialTest, ASaveThatFailsNamesThePathAndChangesNothing) {
  Leave({0});
  Partial partial = Open();
  // A directory cannot be replaced by a file: that fails for root too.
  ASSERT_TRUE(RemoveAll(ledger_).ok());
  ASSERT_TRUE(MakeDirectories(ledger_ + "/x", 0700).ok());
  absl::Status status = partial.Save(LedgerOf({0, 1}));
  EXPECT_TRUE(absl::StrContains(status.message(), ledger_)) << status;
  EXPECT_EQ(partial.ledger(), LedgerOf({0}));
}

TEST_F(PartialTest, OneThatWasAboutToBePublishedIsTakenUp) {
  Leave({0});
  ASSERT_EQ(::chmod(data_.c_str(), 0444), 0);
  Partial partial = Open();
  EXPECT_EQ(partial.data_path(), data_);
  EXPECT_EQ(partial.ledger(), LedgerOf({0}));
  struct stat info;
  ASSERT_EQ(::fstat(partial.fd(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(PartialTest, RemoveLeavesNothing) {
  Leave({0});
  Partial partial = Open();
  ASSERT_TRUE(partial.Remove().ok());
  EXPECT_FALSE(IsThere(directory_));
  // Also where it is gone.
  EXPECT_TRUE(partial.Remove().ok());
}

TEST_F(PartialTest, ALinkInTheBytesPlaceIsNotFollowed) {
  const std::string others = dir_.Below("others");
  ASSERT_TRUE(WriteFileDurably(others, kBytes, 0600).ok());
  Leave({0});
  ASSERT_TRUE(RemoveAll(data_).ok());
  ASSERT_EQ(::symlink(others.c_str(), data_.c_str()), 0);
  Partial partial = Open();
  ExpectNothing(partial);
  Write(partial, {2});
  EXPECT_EQ(*ReadFile(others), kBytes);
  EXPECT_FALSE(std::filesystem::is_symlink(data_));
}

TEST_F(PartialTest, ALinkInTheDirectorysPlaceIsRefusedByName) {
  ASSERT_TRUE(MakeDirectories(dir_.Below("others"), 0700).ok());
  ASSERT_EQ(::symlink(dir_.Below("others").c_str(), directory_.c_str()), 0);
  absl::Status status = Partial::Open(directory_, kUrl, {}).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_TRUE(absl::StrContains(status.message(), directory_)) << status;
  EXPECT_TRUE(ListDirectory(dir_.Below("others"))->empty());
}

TEST_F(PartialTest, WithoutAParentNothingIsMade) {
  const std::string path = dir_.Below("none/partial");
  absl::Status status = Partial::Open(path, kUrl, {}).status();
  EXPECT_TRUE(absl::StrContains(status.message(), path)) << status;
}

TEST_F(PartialTest, AStopEndsTheLookAndLosesNothing) {
  Leave({0, 1});
  std::stop_source stop;
  stop.request_stop();
  absl::Status status =
      Partial::Open(directory_, kUrl, stop.get_token()).status();
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
  EXPECT_EQ(Open().ledger(), LedgerOf({0, 1}));
}

TEST_F(PartialTest, WhatIsSharedCanBeLeasedAndNotRemoved) {
  Partial partial = Open();
  EXPECT_FALSE(TakeLease(data_).ok());
  ASSERT_TRUE(partial.Share().ok());
  EXPECT_TRUE(TakeLease(data_).ok());
  EXPECT_TRUE(RemovePartial(directory_).ok());
  EXPECT_TRUE(IsThere(data_));
  ASSERT_TRUE(RemoveAll(directory_).ok());
  EXPECT_TRUE(absl::IsUnavailable(partial.Share()));
}

class PrunePartialsTest : public testing::Test {
 protected:
  // A partial whose files were last written so long ago.
  void Make(const std::string& name,
            const std::map<std::string, absl::Duration>& ages) {
    HUBD_CHECK(MakeDirectories(dir_.Below(name), 0700).ok());
    for (const auto& [file, age] : ages) {
      const std::string path = absl::StrCat(dir_.Below(name), "/", file);
      HUBD_CHECK(WriteFileDurably(path, "x", 0600).ok());
      SetTime(path, now_ - age);
    }
  }

  TempDir dir_;
  const absl::Time now_ = absl::Now();
};

TEST_F(PrunePartialsTest, TakesThoseThatWereLeftForLonger) {
  const absl::Duration age = absl::Hours(24);
  const absl::Duration older = age + absl::Seconds(1);
  Make("old", {{"data", older}, {"ledger", older}});
  Make("bare", {{"data", older}});
  Make("saved", {{"data", older}, {"ledger", age}});
  // Bytes come, though no part is whole yet.
  Make("busy", {{"data", age}, {"ledger", older}});
  Make("begun", {});
  Make("empty", {});
  SetTime(dir_.Below("empty"), now_ - older);
  ASSERT_TRUE(PrunePartials(dir_.path(), now_, age).ok());
  EXPECT_EQ(*ListDirectory(dir_.path()),
            (std::vector<std::string>{"begun", "busy", "saved"}));
}

TEST_F(PartialTest, ASuddenEndLeavesNoRoomSetAside) {
  constexpr int64_t kMib = 1 << 20;
  const auto blocks = [this] {
    struct stat info;
    EXPECT_EQ(::stat(data_.c_str(), &info), 0);
    return info.st_blocks * 512;
  };
  {
    Partial partial = Open();
    ASSERT_EQ(::fallocate(partial.fd(), FALLOC_FL_KEEP_SIZE, 0, 8 * kMib), 0);
    ASSERT_TRUE(TrimPartial(directory_).ok());
    EXPECT_GE(blocks(), 8 * kMib) << "somebody has it";
  }
  ASSERT_TRUE(TrimPartial(directory_).ok());
  EXPECT_EQ(blocks(), 0);
  {
    Partial partial = Open();
    Write(partial, {0, 1});
    ASSERT_EQ(::fallocate(partial.fd(), FALLOC_FL_KEEP_SIZE, 0, 8 * kMib), 0);
    ASSERT_TRUE(partial.Save(LedgerOf({0, 1})).ok());
  }
  ASSERT_TRUE(TrimPartial(directory_).ok());
  EXPECT_LE(blocks(), kMib);
  EXPECT_EQ(Open().ledger(), LedgerOf({0, 1}));
  ASSERT_TRUE(TrimPartial(dir_.Below("none")).ok());
}

TEST_F(PrunePartialsTest, LeavesOneThatWasTakenUp) {
  const std::string path = dir_.Below("p");
  const absl::Duration older = absl::Hours(25);
  {
    ASSERT_TRUE(Partial::Open(path, kUrl, {}).ok());
  }
  SetTime(path + "/data", now_ - older);
  absl::StatusOr<Partial> partial = Partial::Open(path, kUrl, {});
  ASSERT_TRUE(partial.ok());
  ASSERT_TRUE(PrunePartials(dir_.path(), now_, absl::Hours(24)).ok());
  EXPECT_TRUE(LeadsTo(path + "/data", partial->fd()));
}

TEST_F(PrunePartialsTest, CountsWhatGoesAndWhatIsInUse) {
  Make("a", {{"data", absl::ZeroDuration()}});
  Make("b", {{"data", absl::Hours(1)}, {"ledger", absl::Hours(1)}});
  absl::StatusOr<Partial> used = Partial::Open(dir_.Below("used"), kUrl, {});
  ASSERT_TRUE(used.ok());
  // Bytes that have not come take no room.
  ASSERT_EQ(::pwrite(used->fd(), "x", 1, 1 << 30), 1);
  const int64_t all = *PartialBytes(dir_.path());
  EXPECT_GT(all, 0);
  EXPECT_LT(all, 1 << 20);
  const absl::StatusOr<PrunedPartials> pruned =
      PrunePartials(dir_.path(), now_, -absl::InfiniteDuration());
  ASSERT_TRUE(pruned.ok()) << pruned.status();
  EXPECT_EQ(pruned->removed, 2);
  EXPECT_EQ(pruned->in_use, 1);
  EXPECT_GT(pruned->removed_bytes, 0);
  EXPECT_GT(pruned->in_use_bytes, 0);
  EXPECT_EQ(pruned->removed_bytes + pruned->in_use_bytes, all);
  EXPECT_EQ(*PartialBytes(dir_.path()), pruned->in_use_bytes);
}

TEST_F(PrunePartialsTest, SaysWhatCannotBeLookedAt) {
  EXPECT_FALSE(PartialBytes(dir_.Below("none")).ok());
  EXPECT_FALSE(PrunePartials(dir_.Below("none"), now_, absl::Hours(1)).ok());
}

TEST_F(PrunePartialsTest, WhatIsBeingPublishedStaysAsItIs) {
  const std::string path = dir_.Below("p");
  absl::StatusOr<Partial> partial = Partial::Open(path, kUrl, {});
  ASSERT_TRUE(partial.ok());
  ASSERT_TRUE(WriteFileDurably(path + "/ledger", "x", 0600).ok());
  ASSERT_EQ(::chmod((path + "/data").c_str(), 0444), 0);
  ASSERT_TRUE(RemovePartial(path).ok());
  EXPECT_EQ(ModeOf(path + "/data"), 0444u);
  // Between its two renames.
  const std::string blob = dir_.Below("blob");
  ASSERT_EQ(::rename((path + "/data").c_str(), blob.c_str()), 0);
  ASSERT_TRUE(RemovePartial(path).ok());
  EXPECT_EQ(*ListDirectory(path), std::vector<std::string>{"ledger"});
  EXPECT_EQ(ModeOf(blob), 0444u);
}

// Who took its bytes away may be one who died.
TEST_F(PartialTest, OnlyItsOwnBytesArePutBack) {
  struct Case {
    const char* what;
    std::vector<int64_t> named;
    std::string bytes;
    bool fits;
  };
  std::string others = kBytes;
  others[0] = '?';
  const Case cases[] = {
      {"its own", {0, 1, 2}, kBytes, true},
      {"a part is missing", {0, 1}, kBytes, false},
      {"shorter", {0, 1, 2}, std::string(kBytes).substr(1), false},
      {"longer", {0, 1, 2}, absl::StrCat(kBytes, "x"), false},
      {"others of that length", {0, 1, 2}, others, false},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(each.what);
    ASSERT_TRUE(RemoveAll(directory_).ok());
    Leave(each.named);
    ASSERT_TRUE(RemoveAll(data_).ok());
    const std::string blob = dir_.Below("blob");
    ASSERT_TRUE(WriteFileDurably(blob, each.bytes, 0444).ok());
    EXPECT_EQ(PutBackData(blob, directory_), each.fits);
    EXPECT_EQ(IsThere(data_), each.fits);
    EXPECT_EQ(IsThere(blob), !each.fits);
  }
  ASSERT_EQ(::mkfifo(dir_.Below("fifo").c_str(), 0600), 0);
  EXPECT_FALSE(PutBackData(dir_.Below("fifo"), directory_));
  EXPECT_FALSE(PutBackData(data_, dir_.Below("none")));
}

}  // namespace
}  // namespace hubd
