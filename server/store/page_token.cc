#include "server/store/page_token.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/store/column_text.h"

namespace hubd {
namespace {

constexpr int kMaxPage = 500;

}  // namespace

std::string EncodePageToken(const std::vector<std::string>& fields) {
  return absl::WebSafeBase64Escape(EncodeLines(fields));
}

absl::StatusOr<std::vector<std::string>> DecodePageToken(
    const std::string& token, size_t field_count) {
  std::string text;
  if (absl::WebSafeBase64Unescape(token, &text)) {
    std::vector<std::string> fields = DecodeLines(text);
    if (fields.size() == field_count) return fields;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", absl::CHexEscape(token.substr(0, 100)),
                   "\" is not a page token of this listing; begin with an "
                   "empty one"));
}

int ClampPageSize(int page_size) {
  return page_size <= 0 ? kMaxPage : std::min(page_size, kMaxPage);
}

}  // namespace hubd
