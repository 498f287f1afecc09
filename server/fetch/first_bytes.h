// What a file holds, by how it begins.

#ifndef HUBD_SERVER_FETCH_FIRST_BYTES_H_
#define HUBD_SERVER_FETCH_FIRST_BYTES_H_

#include <string>

#include "absl/strings/string_view.h"

namespace hubd {

// The first 16 KiB of a file, or what can be read of them.
std::string ReadFirstBytes(int fd);

// In words, for people: "an HTML page", "a zip archive", "text". A pure
// function of any bytes.
std::string NameContent(absl::string_view first_bytes);

// The same of a file; empty where it cannot be opened.
std::string NameFile(const std::string& path);

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_FIRST_BYTES_H_
