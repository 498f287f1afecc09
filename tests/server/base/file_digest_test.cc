#include "server/base/file_digest.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <string>

#include "absl/status/status.h"
#include "server/base/digest.h"
#include "server/base/fs.h"
#include "server/base/unique_fd.h"

namespace hubd {
namespace {

UniqueFd FileOf(const std::string& bytes) {
  UniqueFd fd(::memfd_create("digest", MFD_CLOEXEC));
  EXPECT_TRUE(WriteAll(fd.get(), bytes).ok());
  return fd;
}

std::string BytesOf(size_t size) {
  std::string bytes(size, 'x');
  for (size_t i = 0; i < size; i += 1000) bytes[i] = static_cast<char>(i);
  return bytes;
}

TEST(FileDigestTest, HashesFromTheStartWhereverThePositionIs) {
  // Both ways of reading, of whole pieces and of others.
  for (const size_t size : {0, 1, (3 << 20) + 17, 8 << 20, (8 << 20) + 1,
                            (20 << 20), (20 << 20) + 17}) {
    const std::string bytes = BytesOf(size);
    const UniqueFd fd = FileOf(bytes);
    int64_t passed = 0;
    EXPECT_EQ(*Sha256OfFile(
                  fd.get(),
                  {.passed = [&passed](int64_t piece) { passed += piece; }}),
              Sha256Hex(bytes))
        << size;
    EXPECT_EQ(passed, static_cast<int64_t>(size));
  }
}

TEST(FileDigestTest, SaysWhatCannotBeRead) {
  EXPECT_FALSE(Sha256OfFile(-1).ok());
  const UniqueFd folder(::open("/", O_RDONLY | O_CLOEXEC));
  EXPECT_FALSE(Sha256OfFile(folder.get()).ok());
}

TEST(FileDigestTest, WhatTheDiskCannotReadIsLost) {
  // The kernel has nothing at its begin.
  const UniqueFd memory(::open("/proc/self/mem", O_RDONLY | O_CLOEXEC));
  EXPECT_TRUE(absl::IsDataLoss(Sha256OfFile(memory.get()).status()));
}

TEST(FileDigestTest, StopsWhenTold) {
  for (const size_t size : {1 << 20, 40 << 20}) {
    const UniqueFd fd = FileOf(BytesOf(size));
    std::stop_source stop;
    int pieces = 0;
    const Reading how{.stop = stop.get_token(), .passed = [&](int64_t) {
                        ++pieces;
                        stop.request_stop();
                      }};
    EXPECT_TRUE(absl::IsCancelled(Sha256OfFile(fd.get(), how).status()));
    EXPECT_EQ(pieces, 1);
  }
}

}  // namespace
}  // namespace hubd
