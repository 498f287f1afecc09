// Aligned columns of text.

#ifndef HUBD_CLIENT_CLI_TABLE_H_
#define HUBD_CLIENT_CLI_TABLE_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace hubd {

// Rows of cells, cleaned of control characters as they come. Thread-compatible.
class Table {
 public:
  // `header` may be empty: no first line then.
  explicit Table(std::vector<std::string> header = {});

  // The columns whose cells end at the same place, as numbers do.
  Table& AlignRight(std::vector<size_t> columns);

  void Add(std::vector<std::string> row);

  // All lines, each with its newline. Two blanks stand between columns. A line
  // that would be wider than `width` is cut and ends in "…"; 0: no limit.
  std::string Format(int width) const;

 private:
  std::vector<size_t> Widths() const;

  std::vector<std::vector<std::string>> rows_;
  std::vector<size_t> right_;
};

// How many columns of a terminal `text` takes: a code point takes one.
size_t DisplayWidth(absl::string_view text);

// `text`, cut to `width` columns; where something is cut off, "…" stands last.
std::string CutToWidth(absl::string_view text, size_t width);

}  // namespace hubd

#endif  // HUBD_CLIENT_CLI_TABLE_H_
