#include "server/fetch/missing_content.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace hubd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kPointer[] =
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:4d7a\nsize 12345\n";

// A file that comes in pieces of `piece` bytes, read to its end.
std::string Read(MissingContent& missing, const std::string& path,
                 std::string text, size_t piece = 7) {
  const ByteSource source = missing.Watch(
      path,
      [text, piece](char* buffer,
                    size_t size) mutable -> absl::StatusOr<size_t> {
        const size_t count = std::min({size, piece, text.size()});
        std::copy_n(text.begin(), count, buffer);
        text.erase(0, count);
        return count;
      });
  std::string read;
  char buffer[16];
  while (const size_t count = source(buffer, sizeof(buffer)).value()) {
    read.append(buffer, count);
  }
  return read;
}

TEST(MissingContentTest, PassesBytesOn) {
  MissingContent missing;
  EXPECT_EQ(Read(missing, "a", kPointer), kPointer);
  EXPECT_EQ(Read(missing, "b", std::string(1000, 'x')), std::string(1000, 'x'));
}

TEST(MissingContentTest, TellsOfPointers) {
  MissingContent missing;
  for (size_t piece : {1, 43, 44, 100}) {
    Read(missing, absl::StrCat("weights/", piece), kPointer, piece);
  }
  Read(missing, "code.py", "print('version')\n");
  EXPECT_THAT(
      missing.Warnings(),
      ElementsAre("of 4 files the tree has the pointers of Git LFS only, not "
                  "the content: \"weights/1\", \"weights/43\", \"weights/44\", "
                  "\"weights/100\""));
}

TEST(MissingContentTest, NamesTheFirstPointersOnly) {
  MissingContent missing;
  for (int i = 0; i < 100; ++i) Read(missing, absl::StrCat(i), kPointer);
  EXPECT_THAT(
      missing.Warnings(),
      ElementsAre(HasSubstr(": \"0\", \"1\", \"2\", \"3\", \"4\", ...")));
}

TEST(MissingContentTest, EscapesWhatIsOddInNames) {
  MissingContent missing;
  Read(missing, "a\x1b[31m", kPointer);
  EXPECT_THAT(missing.Warnings(), ElementsAre(HasSubstr("a\\x1b[31m")));
}

TEST(MissingContentTest, TellsOfSubmodules) {
  MissingContent missing;
  Read(missing, ".gitmodules", "[submodule \"a\"]\n\tpath = a\n");
  EXPECT_THAT(missing.Warnings(), ElementsAre(HasSubstr("has submodules")));
}

TEST(MissingContentTest, IsSilentWhereAllIsThere) {
  MissingContent missing;
  Read(missing, ".gitmodules", "");
  Read(missing, "sub/.gitmodules", "[submodule \"a\"]\n");
  Read(missing, "a", "version https://git-lfs.github.com/spec/v2\n");
  Read(missing, "b", "version");
  EXPECT_THAT(missing.Warnings(), IsEmpty());
}

}  // namespace
}  // namespace hubd
