// Bytes behind a descriptor that nobody can change.

#ifndef HUBD_SERVER_SANDBOX_MEMFD_H_
#define HUBD_SERVER_SANDBOX_MEMFD_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/unique_fd.h"

namespace hubd {

// A sealed memfd that holds `bytes`, positioned at its start, close-on-exec.
absl::StatusOr<UniqueFd> SealedMemfd(absl::string_view bytes);

// The same for a program that is to be executed. The system may want memfds to
// ask for that (vm.memfd_noexec is 1), or refuse it (2).
absl::StatusOr<UniqueFd> SealedProgram(absl::string_view bytes);

}  // namespace hubd

#endif  // HUBD_SERVER_SANDBOX_MEMFD_H_
