#include "server/base/expected_hash.h"

namespace hubd {
namespace {

constexpr size_t kShortest = 8;
constexpr size_t kLongest = 64;
constexpr char kDecimal[] = "0123456789";
constexpr char kHex[] = "0123456789abcdef";

bool IsPromise(absl::string_view text) {
  return text.size() >= kShortest && text.size() <= kLongest &&
         text.find_first_not_of(kHex) == absl::string_view::npos &&
         text.find_first_not_of(kDecimal) != absl::string_view::npos;
}

absl::string_view LastPart(absl::string_view url) {
  url = url.substr(0, url.find_first_of("?#"));
  const size_t slash = url.rfind('/');
  return slash == absl::string_view::npos ? url : url.substr(slash + 1);
}

}  // namespace

std::string HashInName(absl::string_view url) {
  const absl::string_view name = LastPart(url);
  for (size_t dash = name.find('-'); dash != absl::string_view::npos;
       dash = name.find('-', dash + 1)) {
    const absl::string_view rest = name.substr(dash + 1);
    const size_t dot = rest.find('.');
    if (dot == absl::string_view::npos) break;
    if (IsPromise(rest.substr(0, dot))) return std::string(rest.substr(0, dot));
  }
  return "";
}

}  // namespace hubd
