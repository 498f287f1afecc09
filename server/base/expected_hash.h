// The hash that a checkpoint's name promises.

#ifndef HUBD_SERVER_BASE_EXPECTED_HASH_H_
#define HUBD_SERVER_BASE_EXPECTED_HASH_H_

#include <string>

#include "absl/strings/string_view.h"

namespace hubd {

// The hex digits of the first "-HEX." in the last part of a URL's path, where
// HEX is 8 to 64 lower-case hex digits, not all decimal (those are dates).
// Empty where there are none.
std::string HashInName(absl::string_view url);

}  // namespace hubd

#endif  // HUBD_SERVER_BASE_EXPECTED_HASH_H_
