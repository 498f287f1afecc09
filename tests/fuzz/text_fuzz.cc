// Text of strangers: cleaned, quoted, redacted, read as a time, as a size and
// as the headers of a refusal.

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/duration.h"
#include "server/base/log.h"
#include "server/base/status.h"
#include "server/base/text.h"
#include "server/base/units.h"
#include "server/net/http_transport.h"
#include "tests/fuzz/clean_text.h"

namespace hubd {
namespace {

void CheckCleaning(absl::string_view text) {
  const std::string clean = CleanText(text);
  HUBD_CHECK(IsCleanText(clean));
  HUBD_CHECK(CleanText(clean) == clean);
  HUBD_CHECK(!IsCleanText(text) || clean == text);
  HUBD_CHECK(IsCleanLine(CleanLine(text)));
  const std::string cut = CleanText(text, 10);
  HUBD_CHECK(IsCleanText(cut) && cut.size() <= 10);
  HUBD_CHECK(clean.compare(0, cut.size(), cut) == 0);
  const std::string quoted = LogQuote(text);
  for (const char c : quoted) HUBD_CHECK(c >= ' ' && c <= '~');
}

void CheckUnits(absl::string_view text) {
  const absl::StatusOr<absl::Duration> duration = ParseDuration(text);
  if (duration.ok()) {
    HUBD_CHECK(*duration >= absl::ZeroDuration());
  } else {
    HUBD_CHECK(IsCleanError(duration.status()));
  }
  const absl::StatusOr<int64_t> size = ParseSize(text);
  HUBD_CHECK(size.ok() ? *size >= 0 : IsCleanError(size.status()));
  const absl::StatusOr<absl::Duration> timeout = ParseTimeout(text);
  if (timeout.ok()) {
    HUBD_CHECK(*timeout > absl::ZeroDuration());
  } else {
    HUBD_CHECK(IsCleanError(timeout.status()));
  }
}

void CheckRefusals(const std::string& text) {
  for (const int code : {403, 429, 503}) {
    HttpResponse response;
    response.status = code;
    response.effective_url = text;
    for (const char* name :
         {"retry-after", "x-ratelimit-reset", "x-ratelimit-remaining"}) {
      response.headers = {{name, text}};
      const absl::Status status = ErrorOfResponse(
          response, "https://example.com/x", Reason::kRepoNotFound);
      HUBD_CHECK(ReasonOf(status).has_value());
      HUBD_CHECK(IsCleanError(status));
    }
  }
}

}  // namespace
}  // namespace hubd

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  hubd::CheckCleaning(text);
  hubd::CheckUnits(text);
  hubd::CheckRefusals(text);
  return 0;
}
