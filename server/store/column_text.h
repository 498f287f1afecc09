// Lists, as the index keeps them in one column.

#ifndef HUBD_SERVER_STORE_COLUMN_TEXT_H_
#define HUBD_SERVER_STORE_COLUMN_TEXT_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/base/repo.h"

namespace hubd {

// A line each; any bytes come back as they were.
std::string EncodeLines(const std::vector<std::string>& lines);
std::vector<std::string> DecodeLines(absl::string_view text);

// Head, then name and commit of each ref, as lines.
std::string EncodeAdvertisement(const Advertisement& advertisement);
Advertisement DecodeAdvertisement(absl::string_view text);

}  // namespace hubd

#endif  // HUBD_SERVER_STORE_COLUMN_TEXT_H_
