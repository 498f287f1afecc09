#include "server/fetch/gzip_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/base/status.h"
#include "tests/server/fetch/archive_builder.h"

namespace hubd {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<std::string> ReadAll(ByteSource source) {
  GzipReader reader(std::move(source));
  std::string all;
  char buffer[777];
  while (true) {
    HUBD_ASSIGN_OR_RETURN(const size_t count,
                          reader.Read(buffer, sizeof(buffer)));
    if (count == 0) return all;
    all.append(buffer, count);
  }
}

std::string Text() {
  std::string text;
  for (int i = 0; i < 20000; ++i) text += std::to_string(i * 7919);
  return text;
}

TEST(GzipReaderTest, GivesTheBytesWhateverThePieces) {
  for (const size_t piece : {1, 1000, 1 << 20}) {
    EXPECT_EQ(*ReadAll(SourceOf(Gzip(Text()), piece)), Text());
  }
}

TEST(GzipReaderTest, TakesSeveralMembersAndPaddingAsOneStream) {
  const std::string bytes = Gzip("one ") + Gzip("") + Gzip("two");
  EXPECT_EQ(*ReadAll(SourceOf(bytes + std::string(512, '\0'), 1)), "one two");
}

TEST(GzipReaderTest, RefusesEveryTruncation) {
  const std::string bytes = Gzip("some text to compress");
  for (size_t size = 0; size < bytes.size(); ++size) {
    const absl::Status status =
        ReadAll(SourceOf(bytes.substr(0, size))).status();
    EXPECT_EQ(ReasonOf(status), Reason::kBadArchive) << size;
    EXPECT_THAT(std::string(status.message()),
                HasSubstr(size == 0 ? "is empty" : "ends too early"));
  }
}

TEST(GzipReaderTest, ComparesTheChecksum) {
  // The first byte of the checksum: the same as other content under it.
  std::string bytes = Gzip("abc");
  bytes[bytes.size() - 8] ^= 1;
  EXPECT_EQ(ReasonOf(ReadAll(SourceOf(bytes)).status()), Reason::kBadArchive);
}

TEST(GzipReaderTest, RefusesWhatIsNoGzipOrFollowsIt) {
  for (const std::string& bytes :
       {std::string("<html>not found</html>"), Gzip("x") + "garbage",
        Gzip("x") + std::string(70000, '\0') + "y"}) {
    EXPECT_EQ(ReasonOf(ReadAll(SourceOf(bytes)).status()), Reason::kBadArchive);
  }
  const absl::Status page =
      ReadAll(SourceOf("<html>not found</html>")).status();
  EXPECT_THAT(std::string(page.message()), HasSubstr("does not begin as one"));
}

TEST(GzipReaderTest, ReturnsTheSourcesErrorAsItIs) {
  const absl::Status status = ReadAll([](char*, size_t) {
                                return absl::AbortedError("line is cut");
                              }).status();
  EXPECT_EQ(status, absl::AbortedError("line is cut"));
}

}  // namespace
}  // namespace hubd
