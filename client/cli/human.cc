#include "client/cli/human.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace hubd {

std::string HumanSize(int64_t bytes) {
  if (bytes < 1000) return absl::StrCat(bytes, " B");
  double value = static_cast<double>(bytes);
  const char* unit = "";
  for (const char* next : {"kB", "MB", "GB", "TB", "PB"}) {
    value /= 1000;
    unit = next;
    // What rounds to 1000 is shown in the next unit.
    if (std::round(value) < 1000) break;
  }
  // 9.96 is "10", not "10.0".
  const int digits = std::round(value * 10) < 100 ? 1 : 0;
  return absl::StrFormat("%.*f %s", digits, value, unit);
}

std::string HumanAge(absl::Duration age) {
  struct Unit {
    absl::Duration length;
    const char* name;
  };
  const absl::Duration day = absl::Hours(24);
  const Unit units[] = {
      {365 * day, "year"},      {30 * day, "month"},          {day, "day"},
      {absl::Hours(1), "hour"}, {absl::Minutes(1), "minute"},
  };
  for (const Unit& unit : units) {
    const int64_t count = age / unit.length;
    if (count < 1) continue;
    return absl::StrCat(count, " ", unit.name, count == 1 ? "" : "s", " ago");
  }
  return "just now";
}

std::string HumanDuration(absl::Duration duration) {
  const int64_t seconds = absl::ToInt64Seconds(duration);
  const int64_t minutes = seconds / 60;
  const int64_t hours = minutes / 60;
  if (seconds < 60) return absl::StrCat(seconds, " s");
  if (minutes < 60) return absl::StrCat(minutes, " m ", seconds % 60, " s");
  if (hours < 24) return absl::StrCat(hours, " h ", minutes % 60, " m");
  return absl::StrCat(hours / 24, " d ", hours % 24, " h");
}

}  // namespace hubd
