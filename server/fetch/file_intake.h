// A large file of the user's, taken into the store with as few bytes written as
// can be.

#ifndef HUBD_SERVER_FETCH_FILE_INTAKE_H_
#define HUBD_SERVER_FETCH_FILE_INTAKE_H_

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "server/store/space.h"
#include "server/store/store.h"

namespace hubd {

struct TakenFile {
  // To be published.
  Staging staging;
  std::string sha256;
  int64_t size_bytes = 0;
  // "reflink", "link" or "copy".
  std::string how;
};

// Stages the bytes of the file that is open for reading at `fd`, hashed:
//   - as a reflink, where the file systems can;
//   - as a hard link, where the file is the daemon's user's own and nobody has
//     it open for writing. It loses its write bits then, so that what is
//     published stays as it is; it gets them back where it is not taken;
//   - else as a copy, which is taken from `room`.
// What `accept` refuses is not taken, and its status returned.
//
// `report` is told how many bytes were read. FAILED_PRECONDITION where the file
// changes while it is read; CANCELLED soon after the stop; DISK_FULL; INTERNAL.
// May wait for the disk. Thread-safe.
absl::StatusOr<TakenFile> TakeFile(
    Store& store, int fd,
    const std::function<absl::Status(const std::string& sha256)>& accept,
    const std::function<void(int64_t bytes)>& report,
    const std::stop_token& stop, Space::Reservation room = {});

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_FILE_INTAKE_H_
