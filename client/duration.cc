#include "client/duration.h"

#include <algorithm>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/base/text.h"

namespace hubd {

absl::StatusOr<absl::Duration> ParseTimeout(absl::string_view text) {
  absl::Duration unit = absl::Seconds(1);
  absl::string_view digits = text;
  if (absl::ConsumeSuffix(&digits, "ms")) {
    unit = absl::Milliseconds(1);
  } else if (absl::ConsumeSuffix(&digits, "m")) {
    unit = absl::Minutes(1);
  } else if (absl::ConsumeSuffix(&digits, "h")) {
    unit = absl::Hours(1);
  } else {
    absl::ConsumeSuffix(&digits, "s");
  }
  // SimpleAtod alone takes signs, blanks, exponents and "inf".
  const bool plain = std::all_of(digits.begin(), digits.end(), [](char c) {
    return (c >= '0' && c <= '9') || c == '.';
  });
  double count = 0;
  const bool number = plain && absl::SimpleAtod(digits, &count);
  // What is written may be more than nothing and still round to it.
  const absl::Duration timeout = count * unit;
  if (!number || timeout <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", CleanLine(text),
                     "\" is no time: write 30, 30s, 5m, 1h or 500ms"));
  }
  return timeout;
}

}  // namespace hubd
