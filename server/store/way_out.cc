#include "server/store/way_out.h"

#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "server/base/status.h"

namespace hubd {

absl::Status WithWayOut(const absl::Status& status, const Layout& layout) {
  if (ReasonOf(status) != Reason::kDiskFull) return status;
  Metadata metadata = MetadataOf(status);
  if (!metadata.try_emplace("path", layout.root()).second) return status;
  return ReasonError(
      Reason::kDiskFull,
      absl::StrCat(status.message(), "; free space on the file system of ",
                   layout.root(), " or choose another root with --dir"),
      metadata);
}

absl::Status WithWayOutOfStart(const absl::Status& status,
                               const Layout& layout) {
  if (!absl::IsInternal(status)) return WithWayOut(status, layout);
  return absl::InternalError(absl::StrCat(
      "cannot open the root ", layout.root(), ": ", status.message(),
      "; all below it must be uid ", ::geteuid(),
      "'s to read and write: mend that or choose another root with --dir"));
}

}  // namespace hubd
