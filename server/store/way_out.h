// What people can do about a full disk, a root that is not in order, or a
// stored object that is not as it was.

#ifndef HUBD_SERVER_STORE_WAY_OUT_H_
#define HUBD_SERVER_STORE_WAY_OUT_H_

#include <string>

#include "absl/status/status.h"
#include "server/base/status.h"
#include "server/store/layout.h"

namespace hubd {

// A DISK_FULL with the way out added and the root as "path"; said once, however
// often it is called. Any other status as it is.
absl::Status WithWayOut(const absl::Status& status, const Layout& layout);

// The same at the start, when all of the root must be in order: an INTERNAL
// error names the root, too, and says whose it must be.
absl::Status WithWayOutOfStart(const absl::Status& status,
                               const Layout& layout);

// What is told of a stored object that was damaged, and is taken away: `what`
// says which. Metadata `expected` and `actual` are digests; where it cannot be
// read `actual` is empty.
absl::Status DamagedError(const std::string& what, Metadata metadata,
                          const std::string& expected,
                          const std::string& actual);

}  // namespace hubd

#endif  // HUBD_SERVER_STORE_WAY_OUT_H_
