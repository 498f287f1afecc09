#include "server/fetch/download.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/log.h"
#include "server/base/status.h"
#include "server/fetch/contents.h"
#include "server/fetch/transfer.h"

namespace hubd {
namespace {

// So few are fetched again rather than named by a ledger at the end.
constexpr int64_t kFewParts = 4;

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
  Contents contents(partial, parts.space, parts.clock);
  absl::Status status;
  if (IsNewer(partial, request.conditions)) {
    asked.conditions.clear();
    status = Annotate(contents.TakeUp(),
                      absl::StrCat("cannot store ", RedactUrl(request.url)));
  }
  Transfer transfer(options, parts, std::move(asked), contents, progress, stop);
  if (status.ok()) status = transfer.Run();
  if (!status.ok()) {
    contents.Keep();
    return status;
  }
  Downloaded result = transfer.TakeResult();
  if (result.unchanged) return result;
  result.size_bytes = contents.done_bytes();
  // What follows may fail, or nobody may want it any more.
  if (result.size_bytes > kFewParts * options.part_bytes) {
    status = contents.Save();
    if (!status.ok()) {
      contents.Keep();
      return status;
    }
  }
  result.sha256 = contents.FinishDigest();
  return result;
}

}  // namespace hubd
