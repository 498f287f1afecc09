#include "server/store/usage.h"

#include <sys/stat.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "server/store/object_kind.h"
#include "server/store/partial.h"

namespace hubd {
namespace {

absl::StatusOr<int64_t> BlobBytes(const Layout& layout) {
  HUBD_ASSIGN_OR_RETURN(const std::vector<std::string> folders,
                        ListDirectory(layout.blobs()));
  int64_t bytes = 0;
  for (const std::string& folder : folders) {
    const std::string below = absl::StrCat(layout.blobs(), "/", folder);
    HUBD_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                          ListDirectory(below));
    for (const std::string& name : names) {
      const std::optional<struct stat> info =
          LookAt(absl::StrCat(below, "/", name));
      if (info && S_ISREG(info->st_mode)) bytes += info->st_size;
    }
  }
  return bytes;
}

}  // namespace

absl::StatusOr<int64_t> UsageBytes(const Layout& layout, Catalog& catalog) {
  HUBD_ASSIGN_OR_RETURN(const int64_t others, catalog.OtherBytes());
  // First, since bytes move from these to blobs.
  HUBD_ASSIGN_OR_RETURN(const int64_t partials,
                        PartialBytes(layout.partials()));
  HUBD_ASSIGN_OR_RETURN(const int64_t blobs, BlobBytes(layout));
  return others + partials + blobs;
}

}  // namespace hubd
