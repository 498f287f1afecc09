#include "client/cli/table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "server/base/text.h"

namespace hubd {
namespace {

constexpr char kCut[] = "…";

bool BeginsCodePoint(char byte) { return (byte & 0xC0) != 0x80; }

}  // namespace

size_t DisplayWidth(absl::string_view text) {
  return std::count_if(text.begin(), text.end(), BeginsCodePoint);
}

std::string CutToWidth(absl::string_view text, size_t width) {
  if (DisplayWidth(text) <= width) return std::string(text);
  if (width == 0) return "";
  size_t bytes = 0;
  for (size_t seen = 0; bytes < text.size(); ++bytes) {
    if (BeginsCodePoint(text[bytes]) && ++seen == width) break;
  }
  return absl::StrCat(text.substr(0, bytes), kCut);
}

Table::Table(std::vector<std::string> header) {
  if (!header.empty()) Add(std::move(header));
}

Table& Table::AlignRight(std::vector<size_t> columns) {
  right_ = std::move(columns);
  return *this;
}

void Table::Add(std::vector<std::string> row) {
  for (std::string& cell : row) cell = CleanLine(cell);
  rows_.push_back(std::move(row));
}

std::vector<size_t> Table::Widths() const {
  std::vector<size_t> widths;
  for (const std::vector<std::string>& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], DisplayWidth(row[i]));
    }
  }
  return widths;
}

std::string Table::Format(int width) const {
  const std::vector<size_t> widths = Widths();
  std::string lines;
  for (const std::vector<std::string>& row : rows_) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string blanks(widths[i] - DisplayWidth(row[i]), ' ');
      const bool right =
          std::find(right_.begin(), right_.end(), i) != right_.end();
      absl::StrAppend(&line, i == 0 ? "" : "  ", right ? blanks : "", row[i],
                      right ? "" : blanks);
    }
    absl::StripTrailingAsciiWhitespace(&line);
    if (width > 0) line = CutToWidth(line, width);
    absl::StrAppend(&lines, line, "\n");
  }
  return lines;
}

}  // namespace hubd
