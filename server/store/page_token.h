// Where the next page of a listing begins.

#ifndef HUBD_SERVER_STORE_PAGE_TOKEN_H_
#define HUBD_SERVER_STORE_PAGE_TOKEN_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace hubd {

// The token for what comes behind the object with this sort key.
std::string EncodePageToken(const std::vector<std::string>& fields);

// The sort key that a token holds; INVALID_ARGUMENT where it has not so many
// fields.
absl::StatusOr<std::vector<std::string>> DecodePageToken(
    const std::string& token, size_t field_count);

// How many objects are given where so many are asked for: 500 for 0, and at
// most 500.
int ClampPageSize(int page_size);

}  // namespace hubd

#endif  // HUBD_SERVER_STORE_PAGE_TOKEN_H_
