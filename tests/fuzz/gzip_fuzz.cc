// Any bytes as a gzip stream: what comes out does not depend on the pieces that
// they come in, and what was compressed comes back.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/status.h"
#include "server/fetch/gzip_reader.h"
#include "tests/server/fetch/archive_builder.h"

namespace hubd {
namespace {

constexpr size_t kMaxOut = 1 << 20;

struct Unpacked {
  std::string bytes;
  absl::Status status;
};

Unpacked Unpack(const std::string& stream, size_t piece_in, size_t piece_out) {
  GzipReader reader(SourceOf(stream, piece_in));
  Unpacked unpacked;
  std::vector<char> buffer(piece_out);
  while (unpacked.bytes.size() < kMaxOut) {
    const absl::StatusOr<size_t> count =
        reader.Read(buffer.data(), buffer.size());
    if (!count.ok()) {
      unpacked.status = count.status();
      break;
    }
    if (*count == 0) break;
    unpacked.bytes.append(buffer.data(), *count);
  }
  return unpacked;
}

void Check(const std::string& stream) {
  const Unpacked whole = Unpack(stream, stream.size() + 1, 4096);
  const Unpacked pieces = Unpack(stream, 1, 4096);
  HUBD_CHECK(whole.status.ok() == pieces.status.ok());
  HUBD_CHECK(!whole.status.ok() || whole.bytes == pieces.bytes);
  HUBD_CHECK(whole.status.ok() ||
             ReasonOf(whole.status) == Reason::kBadArchive);
  const Unpacked back = Unpack(Gzip(stream) + Gzip(stream), 7, 13);
  HUBD_CHECK(back.status.ok() && back.bytes == stream + stream);
}

}  // namespace
}  // namespace hubd

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  hubd::Check({reinterpret_cast<const char*>(data), size});
  return 0;
}
