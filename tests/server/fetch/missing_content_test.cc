#include "server/fetch/missing_content.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace hubd {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::string kOid(64, '4');
const std::string kPointer =
    "version https://git-lfs.github.com/spec/v1\noid sha256:" + kOid +
    "\nsize 12345\n";

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
  char buffer[160];
  while (const size_t count = source(buffer, sizeof(buffer)).value()) {
    read.append(buffer, count);
  }
  return read;
}

TEST(MissingContentTest, PassesBytesOn) {
  MissingContent missing;
  EXPECT_EQ(Read(missing, "a", kPointer), kPointer);
  EXPECT_EQ(Read(missing, "b", std::string(3000, 'x')), std::string(3000, 'x'));
}

TEST(MissingContentTest, TellsOfPointers) {
  MissingContent missing;
  const LfsObject object{kOid, 12345};
  for (size_t piece : {1, 43, 44, 160}) {
    Read(missing, absl::StrCat("weights/", piece), kPointer, piece);
  }
  Read(missing, "code.py", "print('version')\n");
  missing.End();
  EXPECT_THAT(missing.lfs_files(), ElementsAre(LfsFile{"weights/1", object},
                                               LfsFile{"weights/43", object},
                                               LfsFile{"weights/44", object},
                                               LfsFile{"weights/160", object}));
}

TEST(MissingContentTest, TellsOfPointersThatCannotBeRead) {
  MissingContent missing;
  Read(missing, "cut", kPointer.substr(0, 60));
  Read(missing, "long", kPointer + std::string(2000, '\n'));
  missing.End();
  EXPECT_THAT(missing.lfs_files(), ElementsAre(LfsFile{"cut", std::nullopt},
                                               LfsFile{"long", std::nullopt}));
}

TEST(MissingContentTest, TellsOfSubmodules) {
  MissingContent missing;
  Read(missing, ".gitmodules", "[submodule \"a\"]\n\tpath = a\n");
  missing.End();
  EXPECT_TRUE(missing.has_submodules());
}

TEST(MissingContentTest, IsSilentWhereAllIsThere) {
  MissingContent missing;
  Read(missing, ".gitmodules", "");
  Read(missing, "sub/.gitmodules", "[submodule \"a\"]\n");
  Read(missing, "a", "version https://git-lfs.github.com/spec/v2\n");
  Read(missing, "b", "version");
  Read(missing, ".git/c", kPointer);
  missing.End();
  EXPECT_THAT(missing.lfs_files(), IsEmpty());
  EXPECT_FALSE(missing.has_submodules());
}

}  // namespace
}  // namespace hubd
