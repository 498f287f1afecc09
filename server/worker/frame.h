// The one frame that a worker may send.

#ifndef HUBD_SERVER_WORKER_FRAME_H_
#define HUBD_SERVER_WORKER_FRAME_H_

#include <cstddef>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "hubd/worker/v1/worker.pb.h"

namespace hubd {

// "HUBD", a version byte 1, the body's length as 4 bytes little endian.
inline constexpr size_t kFrameHeaderBytes = 9;
inline constexpr size_t kMaxFrameBody = 4 << 20;

// Reads everything that came from a worker: exactly one frame whose body is an
// InspectResult as JSON. The bytes are a stranger's, so all of it is checked,
// cut and cleaned: names that are no ASCII identifiers are dropped and counted,
// the rest is sorted by name. Whatever it sent, the result fits in a message of
// 4 MB. Fails on anything else, with a message fit to be shown.
absl::StatusOr<worker::v1::InspectResult> ParseFrame(absl::string_view bytes);

}  // namespace hubd

#endif  // HUBD_SERVER_WORKER_FRAME_H_
