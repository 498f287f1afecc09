// The SHA-256 of files, about as fast as they can be hashed.

#ifndef HUBD_SERVER_BASE_FILE_DIGEST_H_
#define HUBD_SERVER_BASE_FILE_DIGEST_H_

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"

namespace hubd {

// How something is read.
struct Reading {
  std::stop_token stop = {};
  // Told of each piece that was read, on the calling thread.
  std::function<void(int64_t bytes)> passed = {};
};

// The SHA-256 of everything that can be read from `fd` from its start. A large
// file is read ahead by a thread of its own, which has the caller's I/O
// priority. CANCELLED soon after the stop.
absl::StatusOr<std::string> Sha256OfFile(int fd, const Reading& how = {});

}  // namespace hubd

#endif  // HUBD_SERVER_BASE_FILE_DIGEST_H_
