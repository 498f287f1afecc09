// Bytes that come one piece after another.

#ifndef HUBD_SERVER_FETCH_BYTE_SOURCE_H_
#define HUBD_SERVER_FETCH_BYTE_SOURCE_H_

#include <cstddef>
#include <functional>

#include "absl/status/statusor.h"

namespace hubd {

// Puts at most `size` bytes into `buffer` and returns how many; 0 is the end.
// May block. After an error or the end it is not called again.
using ByteSource =
    std::function<absl::StatusOr<size_t>(char* buffer, size_t size)>;

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_BYTE_SOURCE_H_
