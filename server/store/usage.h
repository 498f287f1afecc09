// What the cache takes of the disk.

#ifndef HUBD_SERVER_STORE_USAGE_H_
#define HUBD_SERVER_STORE_USAGE_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "server/store/catalog.h"
#include "server/store/layout.h"

namespace hubd {

// Bytes of all objects and partials. Blobs are those that lie there, whether a
// URL gives them, does not yet, or does no more. May wait for the disk.
absl::StatusOr<int64_t> UsageBytes(const Layout& layout, Catalog& catalog);

}  // namespace hubd

#endif  // HUBD_SERVER_STORE_USAGE_H_
