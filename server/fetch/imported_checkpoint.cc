#include "server/fetch/imported_checkpoint.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/expected_hash.h"
#include "server/base/log.h"
#include "server/base/status.h"
#include "server/fetch/old_names.h"
#include "server/net/url_identity.h"

namespace hubd {
namespace {

// As many as the names of checkpoints have; a shorter one is met by chance.
constexpr size_t kProof = 8;

bool IsProof(absl::string_view digits, const std::string& sha256) {
  return digits.size() >= kProof && absl::StartsWith(sha256, digits);
}

}  // namespace

std::string ImportUrl(absl::string_view name) {
  return absl::StrCat("import:", name);
}

absl::StatusOr<std::optional<ImportedCheckpoint>> LookUpImportedCheckpoint(
    Store& store, const CheckpointRequest& request) {
  for (const std::string& name : CheckpointNames(request.url)) {
    HUBD_ASSIGN_OR_RETURN(std::optional<CheckpointObject> found,
                          store.FindCheckpoint(kSharedDomain, ImportUrl(name)));
    if (!found || !absl::StartsWith(found->sha256, request.sha256_prefix)) {
      continue;
    }
    ImportedCheckpoint import;
    import.proven = IsProof(request.sha256_prefix, found->sha256) ||
                    IsProof(HashInName(name), found->sha256);
    import.warning = absl::StrCat(
        RedactUrl(request.url), ": the file ", name,
        " of an imported cache is used; whether it has the bytes that are at "
        "that URL, nobody knows");
    import.checkpoint = *std::move(found);
    import.checkpoint.url = UrlIdentity(request.url);
    // It was no origin that said so.
    import.checkpoint.etag.clear();
    return import;
  }
  return std::nullopt;
}

}  // namespace hubd
