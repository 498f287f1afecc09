// What text of strangers must look like once it is ours, judged by other code
// than that which makes it so.

#ifndef HUBD_TESTS_FUZZ_CLEAN_TEXT_H_
#define HUBD_TESTS_FUZZ_CLEAN_TEXT_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace hubd {

// Valid UTF-8, as iconv judges it, without control characters other than \n and
// \t, or changes of the direction of writing.
bool IsCleanText(absl::string_view text);

// The same without \n and \t.
bool IsCleanLine(absl::string_view text);

// Whether message and metadata of a failed status can be shown as they are.
bool IsCleanError(const absl::Status& status);

}  // namespace hubd

#endif  // HUBD_TESTS_FUZZ_CLEAN_TEXT_H_
