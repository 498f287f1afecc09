#include "server/base/units.h"

#include <limits>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/base/log.h"

namespace hubd {
namespace {

struct Unit {
  absl::string_view name;
  // How many milliseconds or bytes.
  int64_t factor;
};

constexpr Unit kDurationUnits[] = {
    {"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}};

constexpr int64_t kTera = 1'000'000'000'000;

constexpr Unit kSizeUnits[] = {{"", 1},
                               {"B", 1},
                               {"KB", 1000},
                               {"MB", 1000 * 1000},
                               {"GB", kTera / 1000},
                               {"TB", kTera},
                               {"KiB", 1 << 10},
                               {"MiB", 1 << 20},
                               {"GiB", 1 << 30},
                               {"TiB", int64_t{1} << 40}};

// The number times its unit; nullopt where it is no such thing or too large.
template <size_t N>
std::optional<int64_t> ParseWithUnit(absl::string_view text,
                                     const Unit (&units)[N]) {
  size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') {
    ++digits;
  }
  int64_t number = 0;
  if (!absl::SimpleAtoi(text.substr(0, digits), &number)) return std::nullopt;
  for (const Unit& unit : units) {
    if (text.substr(digits) != unit.name) continue;
    if (number > std::numeric_limits<int64_t>::max() / unit.factor) break;
    return number * unit.factor;
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text) {
  std::optional<int64_t> value = ParseWithUnit(text, kDurationUnits);
  if (value) return absl::Milliseconds(*value);
  return absl::InvalidArgumentError(
      absl::StrCat("expected a duration such as \"500ms\", \"30s\", \"5m\" or "
                   "\"1h\" (a bare number: seconds), not ",
                   LogQuote(text)));
}

absl::StatusOr<int64_t> ParseSize(absl::string_view text) {
  std::optional<int64_t> value = ParseWithUnit(text, kSizeUnits);
  if (value) return *value;
  return absl::InvalidArgumentError(
      absl::StrCat("expected a size such as \"64KiB\", \"2GiB\" or \"1GB\" (a "
                   "bare number: bytes), not ",
                   LogQuote(text)));
}

}  // namespace hubd
