// Making text from strangers safe to store and show.

#ifndef HUBD_SERVER_BASE_TEXT_H_
#define HUBD_SERVER_BASE_TEXT_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace hubd {

// `text` as valid UTF-8 of at most `max_bytes` bytes, cut between characters.
// Line ends become \n. What is no UTF-8, control characters other than \n and
// \t, and characters that change the direction of writing become U+FFFD.
std::string CleanText(absl::string_view text,
                      size_t max_bytes = absl::string_view::npos);

// The same for a single line: \n and \t become blanks.
std::string CleanLine(absl::string_view text);

// Less the "user:password@" of what is, or was meant as, a URL or the form that
// scp takes. A password with a "/", "?" or "#", which makes a URL malformed,
// goes as well where what stands before that cannot be a host and a port.
std::string WithoutUserInfo(absl::string_view text);

}  // namespace hubd

#endif  // HUBD_SERVER_BASE_TEXT_H_
