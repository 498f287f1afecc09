#include "server/net/body_decoder.h"

#include <zlib.h>

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace hubd {
namespace {

using ::testing::HasSubstr;

constexpr int kGzip = MAX_WBITS + 16;
constexpr int kZlib = MAX_WBITS;

std::string Compress(const std::string& plain, int window_bits = kGzip) {
  z_stream stream = {};
  EXPECT_EQ(
      deflateInit2(&stream, 9, Z_DEFLATED, window_bits, 9, Z_DEFAULT_STRATEGY),
      Z_OK);
  std::string packed(deflateBound(&stream, plain.size()), 0);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = plain.size();
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = packed.size();
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(packed.size() - stream.avail_out);
  deflateEnd(&stream);
  return packed;
}

struct Decoded {
  std::string plain;
  absl::Status status;
};

// Decodes `packed` in pieces of `step` bytes.
Decoded Decode(const std::string& encoding, const std::string& packed,
               size_t step = 7) {
  std::unique_ptr<BodyDecoder> decoder = BodyDecoder::Create(encoding);
  Decoded result;
  for (size_t at = 0; at < packed.size() && result.status.ok(); at += step) {
    result.status =
        decoder->Decode(packed.substr(at, step), [&](absl::string_view plain) {
          result.plain.append(plain.data(), plain.size());
          return absl::OkStatus();
        });
  }
  if (result.status.ok()) result.status = decoder->Finish();
  return result;
}

std::string Why(const std::string& packed) {
  return std::string(Decode("gzip", packed).status.message());
}

TEST(BodyDecoderTest, UndoesGzipAndDeflate) {
  std::string plain;
  for (int i = 0; i < 10000; ++i) plain += std::to_string(i);
  for (size_t step : {1u, 7u, 1000000u}) {
    EXPECT_EQ(Decode("GZip", Compress(plain), step).plain, plain);
  }
  EXPECT_EQ(Decode("x-gzip", Compress("a") + Compress("b")).plain, "ab");
  EXPECT_EQ(Decode("deflate", Compress(plain, kZlib)).plain, plain);
  EXPECT_EQ(Decode("gzip", Compress("")).status, absl::OkStatus());
  EXPECT_EQ(Decode("gzip", "").status, absl::OkStatus());
}

TEST(BodyDecoderTest, KnowsNoOtherEncoding) {
  for (const char* encoding : {"br", "zstd", "compress", "gzip, gzip", ""}) {
    EXPECT_EQ(BodyDecoder::Create(encoding), nullptr) << encoding;
  }
}

TEST(BodyDecoderTest, RefusesWhatIsCutOrDamaged) {
  const std::string packed = Compress("hello");
  for (size_t size = 1; size < packed.size(); ++size) {
    EXPECT_THAT(Why(packed.substr(0, size)), HasSubstr("ends too early"));
  }
  std::string damaged = packed;
  damaged[damaged.size() - 6] ^= 1;  // in the checksum
  EXPECT_THAT(Why(damaged), HasSubstr("damaged"));
  EXPECT_THAT(Why("hello, plainly"), HasSubstr("damaged"));
  EXPECT_THAT(Why(packed + "garbage"), HasSubstr("damaged"));
}

TEST(BodyDecoderTest, RefusesABomb) {
  const Decoded bomb = Decode("gzip", Compress(std::string(32 << 20, 0)), 1000);
  EXPECT_THAT(std::string(bomb.status.message()), HasSubstr("200 times"));
  EXPECT_LE(bomb.plain.size(), 17u << 20);
  // What is small may be as dense as it likes.
  EXPECT_EQ(Decode("gzip", Compress(std::string(16 << 20, 0))).status,
            absl::OkStatus());
}

TEST(BodyDecoderTest, ReturnsTheErrorOfTheSink) {
  absl::Status full = absl::ResourceExhaustedError("no room");
  EXPECT_EQ(BodyDecoder::Create("gzip")->Decode(
                Compress("x"), [&](absl::string_view) { return full; }),
            full);
}

}  // namespace
}  // namespace hubd
