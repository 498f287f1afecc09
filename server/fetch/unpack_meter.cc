#include "server/fetch/unpack_meter.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/status.h"

namespace hubd {
namespace {

constexpr int64_t kRatioFrom = 1 << 20;

absl::Status TooMuch(absl::string_view what, absl::string_view key) {
  return ReasonError(
      Reason::kBadArchive,
      absl::StrCat("the archive unpacks to over ", what,
                   "; the limit is [tree] ", key, " in the configuration"));
}

}  // namespace

absl::Status UnpackMeter::CheckStop() const {
  return stop_.stop_requested()
             ? absl::CancelledError("the unpacking was cancelled")
             : absl::OkStatus();
}

absl::Status UnpackMeter::CountEntry() {
  if (++entries_ > limits_.max_entries) {
    return TooMuch(absl::StrCat(limits_.max_entries, " entries"),
                   "max_entries");
  }
  return CheckStop();
}

absl::Status UnpackMeter::CountCompressed(int64_t bytes) {
  compressed_ += bytes;
  return CheckStop();
}

absl::Status UnpackMeter::CountUnpacked(int64_t bytes) {
  unpacked_ += bytes;
  if (unpacked_ > limits_.max_bytes) {
    return TooMuch(absl::StrCat(limits_.max_bytes, " bytes"), "max_bytes");
  }
  const int64_t ratio = std::max<int64_t>(limits_.max_ratio, 1);
  if (unpacked_ > kRatioFrom && unpacked_ / ratio > compressed_) {
    return TooMuch(absl::StrCat(limits_.max_ratio, " times its size"),
                   "max_ratio");
  }
  HUBD_RETURN_IF_ERROR(room_.Take(bytes));
  return CheckStop();
}

}  // namespace hubd
