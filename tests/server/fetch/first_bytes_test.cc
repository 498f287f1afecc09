#include "server/fetch/first_bytes.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "gtest/gtest.h"
#include "server/base/fs.h"
#include "server/base/unique_fd.h"
#include "tests/server/base/temp_dir.h"

namespace hubd {
namespace {

TEST(FirstBytesTest, AFileThatCannotBeOpenedHasNoName) {
  TempDir dir;
  const std::string path = dir.Below("file");
  EXPECT_EQ(NameFile(path), "");
  ASSERT_TRUE(WriteFileDurably(path, "PK\3\4rest", 0600).ok());
  EXPECT_EQ(NameFile(path), "a zip archive");
}

TEST(FirstBytesTest, NamesWhatBeginsSo) {
  const struct {
    std::string bytes;
    const char* name;
  } kCases[] = {
      {"", "nothing"},
      {"<!DOCTYPE html><title>x", "an HTML page"},
      {"\xef\xbb\xbf\r\n  <HTML lang=en>", "an HTML page"},
      {"<?xml version=\"1.0\"?><Error>", "an XML document"},
      {"<Error><Code>AccessDenied</Code>", "an XML document"},
      {"{\"error\": 1}", "JSON text"},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:",
       "the pointer of a Git LFS file"},
      {"moved to another place\n", "text"},
      {"r\xc3\xa9sum\xc3\xa9", "text"},
      {"PK\3\4rest", "a zip archive"},
      {"PK", "text"},
      {"\x1f\x8b\x08", "gzip data"},
      {"\x80\x02}q", "a pickle"},
      {std::string("\x89HDF\r\n\x1a\n", 8), "an HDF5 file"},
      {std::string("a\0b", 3), "binary data"},
      {std::string("<html>\0", 7), "binary data"},
  };
  for (const auto& c : kCases) EXPECT_EQ(NameContent(c.bytes), c.name);
}

TEST(FirstBytesTest, ReadsTheBeginningWhereverTheFileIsRead) {
  const TempDir temp;
  const std::string path = temp.path() + "/file";
  for (const size_t size : {0, 5, 1 << 20}) {
    ASSERT_TRUE(WriteFileDurably(path, std::string(size, 'x'), 0600).ok());
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    ASSERT_GE(::lseek(fd.get(), 3, SEEK_SET), 0);
    EXPECT_EQ(ReadFirstBytes(fd.get()).size(),
              std::min<size_t>(size, 16 << 10));
  }
  EXPECT_EQ(ReadFirstBytes(-1), "");
}

}  // namespace
}  // namespace hubd
