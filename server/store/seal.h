// Makes what is staged ready to be published.

#ifndef HUBD_SERVER_STORE_SEAL_H_
#define HUBD_SERVER_STORE_SEAL_H_

#include <string>

#include "absl/status/status.h"

namespace hubd {

// Makes a file 0444, unless it has no write bit already, and writes it to the
// disk.
absl::Status SealFile(const std::string& path);

// Takes every write bit below `path`: files 0444, or 0555 where their owner may
// run them, directories 0555; then writes all of it to the disk. The directory
// itself stays 0755, since a directory without the write bit cannot be renamed
// into another one; see SealTop.
absl::Status SealBelow(const std::string& path);

// The last step, after the rename: 0555 for the directory itself.
absl::Status SealTop(const std::string& path);

}  // namespace hubd

#endif  // HUBD_SERVER_STORE_SEAL_H_
