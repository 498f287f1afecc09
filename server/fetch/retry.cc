#include "server/fetch/retry.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "server/base/status.h"

namespace hubd {
namespace {

constexpr absl::string_view kPassingCauses[] = {"dns", "connect", "timeout",
                                                "stall", "cut"};

}  // namespace

absl::Duration AskedWait(const absl::Status& failure) {
  int64_t ms;
  if (!absl::SimpleAtoi(MetadataOf(failure)["retry_after_ms"], &ms)) {
    return absl::ZeroDuration();
  }
  return absl::Milliseconds(ms);
}

bool IsTransient(const absl::Status& failure) {
  const std::optional<Reason> reason = ReasonOf(failure);
  if (reason == Reason::kRateLimited) return true;
  if (reason != Reason::kUpstreamUnavailable) return false;
  Metadata metadata = MetadataOf(failure);
  if (std::ranges::count(kPassingCauses, metadata["cause"]) > 0) return true;
  int http_status;
  return absl::SimpleAtoi(metadata["http_status"], &http_status) &&
         http_status >= 500 && http_status <= 599;
}

Retry::Retry(RetryOptions options, std::function<double()> random)
    : options_(options), random_(std::move(random)) {}

absl::StatusOr<absl::Duration> Retry::After(const absl::Status& failure) {
  ++failures_;
  if (failures_ >= options_.tries) return failure;
  const absl::Duration asked = AskedWait(failure);
  if (asked > options_.max_asked) return failure;
  absl::Duration bound = options_.base;
  for (int i = 1; i < failures_ && bound < options_.cap; ++i) bound *= 2;
  return std::max(asked, random_() * std::min(bound, options_.cap));
}

void Retry::NoteProgress() { failures_ = -1; }

}  // namespace hubd
