#include "server/fetch/gzip_reader.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/status.h"

namespace hubd {
namespace {

constexpr size_t kInputBytes = 64 * 1024;
constexpr int kGzipOnly = 16;  // added to the window bits: no bare zlib data
constexpr unsigned char kGzipMagic = 0x1f;

absl::Status Damaged(absl::string_view why) {
  return ReasonError(Reason::kBadArchive,
                     absl::StrCat("the gzip stream is damaged: ", why));
}

}  // namespace

GzipReader::GzipReader(ByteSource source)
    : source_(std::move(source)), input_(kInputBytes) {
  HUBD_CHECK(inflateInit2(&stream_, MAX_WBITS + kGzipOnly) == Z_OK);
}

GzipReader::~GzipReader() { inflateEnd(&stream_); }

absl::Status GzipReader::Refill() {
  if (stream_.avail_in > 0 || source_ended_) return absl::OkStatus();
  HUBD_ASSIGN_OR_RETURN(const size_t count,
                        source_(input_.data(), input_.size()));
  source_ended_ = count == 0;
  stream_.next_in = reinterpret_cast<Bytef*>(input_.data());
  stream_.avail_in = static_cast<uInt>(count);
  return absl::OkStatus();
}

absl::Status GzipReader::StartNextMember() {
  HUBD_RETURN_IF_ERROR(Refill());
  if (stream_.avail_in > 0 && *stream_.next_in == kGzipMagic) {
    member_ended_ = false;
    inflateReset(&stream_);
    return absl::OkStatus();
  }
  while (stream_.avail_in > 0) {
    const Bytef* end = stream_.next_in + stream_.avail_in;
    if (std::any_of(static_cast<const Bytef*>(stream_.next_in), end,
                    [](Bytef byte) { return byte != 0; })) {
      return Damaged("something follows its end");
    }
    stream_.avail_in = 0;
    HUBD_RETURN_IF_ERROR(Refill());
  }
  ended_ = true;
  return absl::OkStatus();
}

absl::StatusOr<size_t> GzipReader::Read(char* buffer, size_t size) {
  size = std::min<size_t>(size, std::numeric_limits<uInt>::max());
  stream_.next_out = reinterpret_cast<Bytef*>(buffer);
  stream_.avail_out = static_cast<uInt>(size);
  while (!ended_ && stream_.avail_out == size) {
    if (member_ended_) {
      HUBD_RETURN_IF_ERROR(StartNextMember());
      continue;
    }
    HUBD_RETURN_IF_ERROR(Refill());
    if (stream_.avail_in == 0) {
      return Damaged(stream_.total_in == 0 ? "it is empty"
                                           : "it ends too early");
    }
    if (stream_.total_in == 0 && *stream_.next_in != kGzipMagic) {
      return Damaged("it does not begin as one");
    }
    const int result = inflate(&stream_, Z_NO_FLUSH);
    if (result == Z_STREAM_END) {
      member_ended_ = true;
    } else if (result != Z_OK) {
      return Damaged(stream_.msg != nullptr ? stream_.msg : zError(result));
    }
  }
  return size - stream_.avail_out;
}

}  // namespace hubd
