// The index as a file: found, or set aside.

#ifndef HUBD_SERVER_STORE_INDEX_FILE_H_
#define HUBD_SERVER_STORE_INDEX_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/store/layout.h"

namespace hubd {

// DATA_LOSS where there is no index, or an empty file in its place.
absl::Status CheckIndexIsThere(const Layout& layout);

// Reads the index and what SQLite keeps beside it to their ends; an error where
// the system cannot. SQLite tells some of these errors as damage.
absl::Status CheckIndexIsReadable(const Layout& layout);

// Moves the index, with what SQLite keeps beside it, to a name of its own that
// says when; that name, which is there unless there was no index or an empty
// one. What is empty is removed. Of all that were set aside the newest three
// stay.
//
// REQUIRES: the root is locked by the caller, and nobody has the index open.
absl::StatusOr<std::string> SetIndexAside(const Layout& layout, absl::Time now);

}  // namespace hubd

#endif  // HUBD_SERVER_STORE_INDEX_FILE_H_
