#include "server/store/column_text.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace hubd {

std::string EncodeLines(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) {
    absl::StrAppend(&text, absl::CEscape(line), "\n");
  }
  return text;
}

std::vector<std::string> DecodeLines(absl::string_view text) {
  std::vector<std::string> lines;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    absl::CUnescape(line, &lines.emplace_back());
  }
  lines.pop_back();  // What follows the last line's end.
  return lines;
}

std::string EncodeAdvertisement(const Advertisement& advertisement) {
  std::vector<std::string> lines = {advertisement.head};
  for (const AdvertisedRef& ref : advertisement.refs) {
    lines.push_back(ref.name);
    lines.push_back(ref.commit);
  }
  return EncodeLines(lines);
}

Advertisement DecodeAdvertisement(absl::string_view text) {
  std::vector<std::string> lines = DecodeLines(text);
  Advertisement advertisement;
  if (!lines.empty()) advertisement.head = lines[0];
  for (size_t i = 1; i + 1 < lines.size(); i += 2) {
    advertisement.refs.push_back({lines[i], lines[i + 1]});
  }
  return advertisement;
}

}  // namespace hubd
