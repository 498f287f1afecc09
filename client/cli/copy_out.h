// Delivers a blob as a file of the user's own.

#ifndef HUBD_CLIENT_CLI_COPY_OUT_H_
#define HUBD_CLIENT_CLI_COPY_OUT_H_

#include <string>

#include "absl/status/status.h"
#include "client/call_limit.h"

namespace hubd {

// Whether a file can be put at `path`: its directory is there and can be
// written, and `path` is free or a plain file. INVALID_ARGUMENT tells why not,
// before anything is fetched.
absl::Status CheckTarget(const std::string& path);

// `path` becomes a copy of what `source` holds, that may be edited: sharing the
// disk's blocks where the file system can, else byte by byte. Whole or not at
// all: a temporary file beside it is renamed. On failure, and when `limit` ends
// it, `path` is what it was and nothing is left.
absl::Status CopyOut(int source, const std::string& path,
                     const CallLimit& limit);

}  // namespace hubd

#endif  // HUBD_CLIENT_CLI_COPY_OUT_H_
