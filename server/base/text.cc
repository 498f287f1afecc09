#include "server/base/text.h"

#include <cstdint>

namespace hubd {
namespace {

constexpr absl::string_view kReplacement = "\xEF\xBF\xBD";
constexpr uint32_t kInvalid = 0xFFFFFFFF;

struct Character {
  uint32_t code = kInvalid;
  // Bytes it takes; 1 where it is invalid.
  size_t size = 1;
};

// The first character of a text that is not empty.
Character Decode(absl::string_view text) {
  const auto byte = [text](size_t i) -> uint32_t {
    return static_cast<unsigned char>(text[i]);
  };
  if (byte(0) < 0x80) return {byte(0), 1};
  const size_t size = byte(0) >= 0xF0 ? 4 : byte(0) >= 0xE0 ? 3 : 2;
  if (byte(0) < 0xC2 || byte(0) > 0xF4 || text.size() < size) return {};
  uint32_t code = byte(0) & (0x7F >> size);
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3F);
  }
  const bool overlong =
      (size == 3 && code < 0x800) || (size == 4 && code < 0x10000);
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  if (overlong || surrogate || code > 0x10FFFF) return {};
  return {code, size};
}

bool IsSafe(uint32_t code) {
  if (code == kInvalid) return false;
  if (code < 0x20) return code == '\n' || code == '\t';
  if (code >= 0x7F && code <= 0x9F) return false;
  const bool turns_direction =
      code == 0x061C || code == 0x200E || code == 0x200F ||
      (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
  return !turns_direction;
}

}  // namespace

std::string CleanText(absl::string_view text, size_t max_bytes) {
  std::string clean;
  while (!text.empty()) {
    const Character character = Decode(text);
    absl::string_view piece = text.substr(0, character.size);
    text.remove_prefix(character.size);
    if (character.code == '\r') {
      if (!text.empty() && text[0] == '\n') continue;
      piece = "\n";
    } else if (!IsSafe(character.code)) {
      piece = kReplacement;
    }
    if (clean.size() + piece.size() > max_bytes) break;
    clean.append(piece.data(), piece.size());
  }
  return clean;
}

std::string CleanLine(absl::string_view text) {
  std::string line = CleanText(text);
  for (char& c : line) {
    if (c == '\n' || c == '\t') c = ' ';
  }
  return line;
}

std::string WithoutUserInfo(absl::string_view text) {
  const size_t scheme = text.find("://");
  const size_t host = scheme == absl::string_view::npos ? 0 : scheme + 3;
  const absl::string_view start =
      text.substr(0, text.find_first_of("/?#", host));
  size_t at = start.rfind('@');
  if (at == absl::string_view::npos || at < host) {
    // "user:pa" of "user:pa/ss@host" is no host and port.
    const absl::string_view authority = start.substr(host);
    const size_t colon = authority.rfind(':');
    const bool is_host = colon == absl::string_view::npos ||
                         authority[0] == '[' ||
                         authority.find_first_not_of("0123456789", colon + 1) ==
                             absl::string_view::npos;
    at = is_host ? absl::string_view::npos : text.rfind('@');
  }
  if (at == absl::string_view::npos || at < host) return std::string(text);
  std::string shown(text);
  return shown.erase(host, at + 1 - host);
}

}  // namespace hubd
