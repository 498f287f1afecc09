// Decompresses a gzip stream and checks it to its last byte.

#ifndef HUBD_SERVER_FETCH_GZIP_READER_H_
#define HUBD_SERVER_FETCH_GZIP_READER_H_

#include <zlib.h>

#include <cstddef>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/fetch/byte_source.h"

namespace hubd {

// Checksum and length of every member are compared, so that damage on the way
// does not get through as other bytes. Zeros after the last member are padding;
// anything else there is an error.
//
// Thread-compatible. All its own errors are BAD_ARCHIVE; those of the source
// are returned as they are.
class GzipReader {
 public:
  explicit GzipReader(ByteSource source);
  ~GzipReader();
  GzipReader(const GzipReader&) = delete;
  GzipReader& operator=(const GzipReader&) = delete;

  // At most `size` (> 0) bytes; 0 at the end of a sound stream.
  absl::StatusOr<size_t> Read(char* buffer, size_t size);

 private:
  // Makes sure that there is input or that the source has ended.
  absl::Status Refill();
  // Looks at what follows a member: another one, padding or the end.
  absl::Status StartNextMember();

  const ByteSource source_;
  std::vector<char> input_;
  z_stream stream_ = {};
  bool source_ended_ = false;
  bool member_ended_ = false;
  bool ended_ = false;
};

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_GZIP_READER_H_
