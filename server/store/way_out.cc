#include "server/store/way_out.h"

#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "server/base/status.h"

namespace hubd {

absl::Status WithWayOut(const absl::Status& status, const Layout& layout) {
  if (ReasonOf(status) != Reason::kDiskFull) return status;
  Metadata metadata = MetadataOf(status);
  if (!metadata.try_emplace("path", layout.root()).second) return status;
  const std::string way =
      metadata.contains("max_bytes")
          ? "raise it, or hubctl cache prune --partials"
          : absl::StrCat("free space on the file system of ", layout.root(),
                         " or choose another root with --dir");
  return ReasonError(Reason::kDiskFull,
                     absl::StrCat(status.message(), "; ", way), metadata);
}

absl::Status WithWayOutOfStart(const absl::Status& status,
                               const Layout& layout) {
  if (!absl::IsInternal(status)) return WithWayOut(status, layout);
  return absl::InternalError(absl::StrCat(
      "cannot open the root ", layout.root(), ": ", status.message(),
      "; all below it must be uid ", ::geteuid(),
      "'s to read and write: mend that or choose another root with --dir"));
}

absl::Status DamagedError(const std::string& what, Metadata metadata,
                          const std::string& expected,
                          const std::string& actual) {
  metadata["expected"] = expected;
  metadata["actual"] = actual;
  const std::string how =
      actual.empty()
          ? "the disk cannot read them"
          : absl::StrCat("their sha256 is ", actual, ", not ", expected);
  return ReasonError(
      Reason::kDigestMismatch,
      absl::StrCat("the stored ", what, " were damaged: ", how,
                   "; they are not delivered and were removed. Call it once "
                   "with the network"),
      metadata);
}

}  // namespace hubd
