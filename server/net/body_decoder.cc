#include "server/net/body_decoder.h"

#include <array>

#include "absl/memory/memory.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/status.h"

namespace hubd {
namespace {

constexpr int kGzipOrZlib = 32;  // added to the window bits: the header decides
constexpr size_t kOutputBytes = 256 << 10;
constexpr int64_t kMaxRatio = 200;
constexpr int64_t kAnyRatioBytes = 16 << 20;

}  // namespace

std::unique_ptr<BodyDecoder> BodyDecoder::Create(absl::string_view encoding) {
  for (absl::string_view known : {"gzip", "x-gzip", "deflate"}) {
    if (absl::EqualsIgnoreCase(encoding, known)) {
      return absl::WrapUnique(new BodyDecoder());
    }
  }
  return nullptr;
}

BodyDecoder::BodyDecoder() {
  HUBD_CHECK(inflateInit2(&stream_, MAX_WBITS + kGzipOrZlib) == Z_OK);
}

BodyDecoder::~BodyDecoder() { inflateEnd(&stream_); }

absl::Status BodyDecoder::Decode(absl::string_view bytes, const Sink& sink) {
  std::array<char, kOutputBytes> output;
  taken_bytes_ += bytes.size();
  stream_.next_in =
      reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // zlib's type
  stream_.avail_in = static_cast<uInt>(bytes.size());
  do {
    // A gzip file may be several, one behind the other.
    if (ended_ && stream_.avail_in > 0) {
      inflateReset(&stream_);
      ended_ = false;
    }
    stream_.next_out = reinterpret_cast<Bytef*>(output.data());
    stream_.avail_out = output.size();
    const int result = inflate(&stream_, Z_NO_FLUSH);
    ended_ = ended_ || result == Z_STREAM_END;
    // Z_BUF_ERROR: it waits for more.
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
      return absl::UnknownError(absl::StrCat(
          "its encoding is damaged (",
          stream_.msg != nullptr ? stream_.msg : zError(result), ")"));
    }
    const size_t count = output.size() - stream_.avail_out;
    given_bytes_ += count;
    if (given_bytes_ > kAnyRatioBytes &&
        given_bytes_ / kMaxRatio > taken_bytes_) {
      return absl::UnknownError(absl::StrCat("its encoding makes it over ",
                                             kMaxRatio, " times as long"));
    }
    if (count > 0) {
      HUBD_RETURN_IF_ERROR(sink({output.data(), count}));
    }
  } while (stream_.avail_in > 0 || stream_.avail_out == 0);
  return absl::OkStatus();
}

absl::Status BodyDecoder::Finish() const {
  if (ended_ || taken_bytes_ == 0) return absl::OkStatus();
  return absl::UnknownError("its encoding ends too early");
}

}  // namespace hubd
