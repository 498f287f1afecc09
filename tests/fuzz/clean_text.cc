#include "tests/fuzz/clean_text.h"

#include <iconv.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "server/base/status.h"

namespace hubd {
namespace {

std::optional<std::u32string> Decode(absl::string_view text) {
  static const iconv_t decoder = ::iconv_open("UTF-32LE", "UTF-8");
  std::string in(text);
  std::u32string out(text.size() + 1, U'\0');
  char* from = in.data();
  char* to = reinterpret_cast<char*>(out.data());
  size_t left = in.size();
  size_t room = out.size() * sizeof(char32_t);
  ::iconv(decoder, nullptr, nullptr, nullptr, nullptr);
  if (::iconv(decoder, &from, &left, &to, &room) != 0 || left != 0) {
    return std::nullopt;
  }
  out.resize(out.size() - room / sizeof(char32_t));
  return out;
}

bool IsControl(char32_t c) { return c < 0x20 || (c >= 0x7f && c < 0xa0); }

bool TurnsDirection(char32_t c) {
  constexpr std::u32string_view kMarks =
      U"\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068"
      U"\u2069";
  return kMarks.find(c) != std::u32string_view::npos;
}

bool HoldsOnly(absl::string_view text, std::u32string_view controls) {
  const std::optional<std::u32string> decoded = Decode(text);
  return decoded &&
         std::all_of(decoded->begin(), decoded->end(), [&](char32_t c) {
           return controls.find(c) != std::u32string_view::npos ||
                  (!IsControl(c) && !TurnsDirection(c));
         });
}

}  // namespace

bool IsCleanText(absl::string_view text) { return HoldsOnly(text, U"\n\t"); }

bool IsCleanLine(absl::string_view text) { return HoldsOnly(text, U""); }

bool IsCleanError(const absl::Status& status) {
  const Metadata metadata = MetadataOf(status);
  return !status.ok() && IsCleanText(status.message()) &&
         std::all_of(metadata.begin(), metadata.end(), [](const auto& item) {
           return IsCleanText(item.first) && IsCleanText(item.second);
         });
}

}  // namespace hubd
