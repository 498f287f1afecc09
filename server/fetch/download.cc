#include "server/fetch/download.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "server/base/status.h"
#include "server/fetch/contents.h"
#include "server/fetch/transfer.h"

namespace hubd {
namespace {

// Whether the partial is of other bytes than those that the conditions are
// about: then these are what is wanted.
bool IsNewer(const Partial& partial, const std::vector<std::string>& known) {
  return partial.ledger() &&
         std::none_of(known.begin(), known.end(), [&](const auto& condition) {
           return absl::EndsWith(condition, partial.ledger()->validator);
         });
}

}  // namespace

absl::StatusOr<Downloaded> Download(const DownloadOptions& options,
                                    const DownloadParts& parts,
                                    const DownloadRequest& request,
                                    Partial& partial,
                                    const ProgressFn& progress,
                                    const std::stop_token& stop) {
  DownloadRequest asked = request;
  const bool take_up = IsNewer(partial, request.conditions);
  if (take_up) asked.conditions.clear();
  Contents contents(partial, take_up);
  Transfer transfer(options, parts, std::move(asked), contents, progress, stop);
  if (absl::Status status = transfer.Run(); !status.ok()) {
    contents.Keep(status);
    return status;
  }
  Downloaded result = transfer.TakeResult();
  if (result.unchanged) return result;
  result.size_bytes = contents.done_bytes();
  // What follows may fail, or nobody may want it any more.
  if (result.size_bytes > options.part_bytes) {
    HUBD_RETURN_IF_ERROR(contents.Save());
  }
  result.sha256 = contents.FinishDigest();
  return result;
}

}  // namespace hubd
