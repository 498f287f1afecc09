// Durations and sizes as people write them. Pure functions.

#ifndef HUBD_SERVER_BASE_UNITS_H_
#define HUBD_SERVER_BASE_UNITS_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace hubd {

// "500ms", "30s", "5m", "1h"; a bare integer means seconds. INVALID_ARGUMENT
// says what is expected.
absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text);

// "64KiB", "2GiB" (powers of 1024), "1KB", "1GB" (powers of 1000); a bare
// integer or "B" means bytes. INVALID_ARGUMENT says what is expected.
absl::StatusOr<int64_t> ParseSize(absl::string_view text);

}  // namespace hubd

#endif  // HUBD_SERVER_BASE_UNITS_H_
