// The launcher's program, as built into this one.

#ifndef HUBD_SERVER_SANDBOX_LAUNCHER_IMAGE_H_
#define HUBD_SERVER_SANDBOX_LAUNCHER_IMAGE_H_

#include "absl/strings/string_view.h"

namespace hubd {

// An ELF file. A program of its own, since all that the daemon is linked with
// takes longer to load than the rest of a sandbox takes to make; within the
// daemon's, so that the two are always of one build.
absl::string_view LauncherImage();

}  // namespace hubd

#endif  // HUBD_SERVER_SANDBOX_LAUNCHER_IMAGE_H_
