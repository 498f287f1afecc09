#include "server/fetch/byte_pipe.h"

#include <string>
#include <thread>

#include "gtest/gtest.h"

namespace hubd {
namespace {

std::string ReadAll(BytePipe& pipe) {
  std::string all;
  char buffer[7];
  while (true) {
    absl::StatusOr<size_t> count = pipe.Read(buffer, sizeof(buffer));
    if (!count.ok() || *count == 0) return all;
    all.append(buffer, *count);
  }
}

TEST(BytePipeTest, GivesEveryByteInOrderThroughASmallBuffer) {
  BytePipe pipe(10);
  std::string sent;
  for (int i = 0; i < 1000; ++i) sent += std::to_string(i);
  std::jthread writer([&] {
    EXPECT_TRUE(pipe.Write(sent).ok());
    pipe.CloseWriter(absl::OkStatus());
  });
  EXPECT_EQ(ReadAll(pipe), sent);
}

TEST(BytePipeTest, ReaderGetsTheWritersFailure) {
  BytePipe pipe(10);
  ASSERT_TRUE(pipe.Write("abc").ok());
  pipe.CloseWriter(absl::UnavailableError("cut"));
  char buffer[4];
  EXPECT_EQ(pipe.Read(buffer, 4).status().message(), "cut");
}

TEST(BytePipeTest, WriterIsFreedByAReaderThatFails) {
  BytePipe pipe(10);
  std::jthread reader([&] { pipe.CloseReader(absl::DataLossError("bad")); });
  absl::Status status = pipe.Write(std::string(100, 'x'));
  EXPECT_EQ(status.message(), "bad");
}

TEST(BytePipeTest, BytesBehindTheReadersEndAreDropped) {
  BytePipe pipe(10);
  pipe.CloseReader(absl::OkStatus());
  EXPECT_TRUE(pipe.Write(std::string(100, 'x')).ok());
}

}  // namespace
}  // namespace hubd
