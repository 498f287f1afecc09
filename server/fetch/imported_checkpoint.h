// Checkpoints that the cache of an original hub had: known by their file's name
// only, since that cache does not say their URL.
//
// In the store such a one has the "URL" import:NAME, which no request can have.

#ifndef HUBD_SERVER_FETCH_IMPORTED_CHECKPOINT_H_
#define HUBD_SERVER_FETCH_IMPORTED_CHECKPOINT_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/fetch/requests.h"
#include "server/store/store.h"

namespace hubd {

// What stands for the URL of an imported NAME.
std::string ImportUrl(absl::string_view name);

struct ImportedCheckpoint {
  // Under the identity of the URL that was asked for.
  CheckpointObject checkpoint;
  // The bytes are those that the URL means: they have the SHA-256 that the
  // caller names, or that the file's name ends with (-HEX.), by 8 digits or
  // more. Else nobody can say so.
  bool proven = false;
  // What is to be told where they are not.
  std::string warning;
};

// What an imported cache had under a name that the originals give to the
// request's URL, if it has the digest that the caller wants. May wait for the
// disk. Thread-safe.
absl::StatusOr<std::optional<ImportedCheckpoint>> LookUpImportedCheckpoint(
    Store& store, const CheckpointRequest& request);

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_IMPORTED_CHECKPOINT_H_
