// Undoes a Content-Encoding.

#ifndef HUBD_SERVER_NET_BODY_DECODER_H_
#define HUBD_SERVER_NET_BODY_DECODER_H_

#include <zlib.h>

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace hubd {

// The daemon asks for no encoding, but origins send some all the same: gzip and
// deflate are undone in one stream, checked to the last byte. A body that
// becomes over 200 times as long is refused once it is over 16 MiB: it may fill
// the disk.
//
// Thread-compatible. Its own errors are UNKNOWN with the reason in words, fit
// to follow a colon; those of the sink are returned as they are.
class BodyDecoder {
 public:
  using Sink = std::function<absl::Status(absl::string_view)>;

  // Null where `encoding` is none that it knows.
  static std::unique_ptr<BodyDecoder> Create(absl::string_view encoding);

  ~BodyDecoder();
  BodyDecoder(const BodyDecoder&) = delete;
  BodyDecoder& operator=(const BodyDecoder&) = delete;

  // Hands on what `bytes` stand for.
  absl::Status Decode(absl::string_view bytes, const Sink& sink);

  // Whether all came; an empty body is whole.
  absl::Status Finish() const;

 private:
  BodyDecoder();

  z_stream stream_ = {};
  bool ended_ = false;
  int64_t taken_bytes_ = 0;
  int64_t given_bytes_ = 0;
};

}  // namespace hubd

#endif  // HUBD_SERVER_NET_BODY_DECODER_H_
