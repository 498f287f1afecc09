#include "server/fetch/tar_scanner.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/match.h"
#include "server/base/status.h"
#include "tests/server/fetch/archive_builder.h"

namespace hubd {
namespace {

const std::string kNul("t/a\0b", 5);
const std::string kCommit(40, 'c');

absl::Status ScanAll(TarScanner& scanner, const std::string& tar,
                     size_t piece = 1000) {
  for (size_t at = 0; at < tar.size(); at += piece) {
    HUBD_RETURN_IF_ERROR(scanner.Scan(tar.substr(at, piece)));
  }
  return absl::OkStatus();
}

absl::Status ScanOnce(const std::string& tar) {
  TarScanner scanner;
  return ScanAll(scanner, tar);
}

TEST(TarScannerTest, FindsTheCommitInPiecesOfAnySize) {
  const std::string tar = TarExtension('g', PaxRecord("comment", kCommit)) +
                          TarFile("t/a", "a") + TarEnd();
  for (const size_t piece : {1, 511, 512, 5000}) {
    TarScanner scanner;
    EXPECT_TRUE(ScanAll(scanner, tar, piece).ok());
    EXPECT_EQ(scanner.commit(), kCommit) << piece;
  }
  TarScanner other;
  EXPECT_TRUE(ScanAll(other, TarExtension('x', PaxRecord("comment", kCommit)) +
                                 TarFile("t/a", "a"))
                  .ok());
  EXPECT_EQ(other.commit(), "");
}

TEST(TarScannerTest, RefusesNamesWithANulWhereverTheyAre) {
  const std::string cases[] = {
      TarFile(kNul, ""),
      TarLink("t/l", kNul),
      TarExtension('x', PaxRecord("path", kNul)),
      TarExtension('x', PaxRecord("mtime", "1") + PaxRecord("linkpath", kNul)),
      TarExtension('L', kNul + '\0'),
      TarExtension('K', kNul + '\0'),
  };
  const std::string before[] = {
      "",
      TarFile("t/f", std::string(700, 'f')),
      TarFolder("t/d/") + TarLink("t/k", "d"),
      TarExtension('L', std::string("t/long\0", 7)) + TarFile("cut", "f"),
      TarExtension('x', PaxRecord("size", "600")) + TarFile("t/f", "") +
          std::string(1024, 'f'),
      TarExtension('x', "not a record"),
  };
  for (const std::string& first : before) {
    EXPECT_TRUE(ScanOnce(first + TarFile("t/a", "a") + TarEnd()).ok());
    for (const std::string& bad : cases) {
      const absl::Status status = ScanOnce(first + bad + TarFile("t/a", "a"));
      EXPECT_EQ(ReasonOf(status), Reason::kBadArchive);
      EXPECT_TRUE(absl::StrContains(status.message(), "\"t/a\\x00")) << status;
    }
  }
}

TEST(TarScannerTest, StopsLookingWhereItIsLost) {
  const std::string bad = TarFile(kNul, "");
  std::string wrong_sum = TarFile("t/f", "");
  wrong_sum[0] = 'x';
  const std::string cases[] = {
      TarEnd(),
      wrong_sum,
      std::string(512, '\xff'),
      TarHeader("t/h", '1', 5, 0644, "t/f"),
      TarExtension('x', PaxRecord("size", "4000000000000000000")) +
          TarFile("t/f", ""),
  };
  for (const std::string& first : cases) {
    EXPECT_TRUE(ScanOnce(first + bad).ok());
  }
}

}  // namespace
}  // namespace hubd
