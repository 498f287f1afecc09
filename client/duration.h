// Durations as users write them.

#ifndef HUBD_CLIENT_DURATION_H_
#define HUBD_CLIENT_DURATION_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace hubd {

// Reads "30" and "30s", "5m", "1h", "500ms"; a fraction may stand before the
// unit. INVALID_ARGUMENT for anything else, and for zero.
absl::StatusOr<absl::Duration> ParseTimeout(absl::string_view text);

}  // namespace hubd

#endif  // HUBD_CLIENT_DURATION_H_
