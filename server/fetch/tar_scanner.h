// Looks at a tar as it streams by, for what libarchive does not tell.

#ifndef HUBD_SERVER_FETCH_TAR_SCANNER_H_
#define HUBD_SERVER_FETCH_TAR_SCANNER_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace hubd {

inline constexpr uint64_t kTarBlock = 512;

// Refuses names with a NUL, which libarchive ends there, and finds the commit
// that git writes into the global pax header. Reads ustar, pax and GNU headers
// only so far that it keeps to their sequence; where it cannot, it stops
// looking, and libarchive's judgement is all there is. Thread-compatible.
class TarScanner {
 public:
  // The next bytes. BAD_ARCHIVE for a member's name or link with a NUL.
  absl::Status Scan(absl::string_view bytes);

  // What the archive says it is of, empty where it says nothing.
  const std::string& commit() const { return commit_; }

 private:
  absl::Status TakeHeader();
  absl::Status TakeExtension();
  absl::Status TakePaxRecord(absl::string_view key, absl::string_view value);

  // Bytes to pass over, then those to collect and what is collected of them.
  uint64_t skip_ = 0;
  uint64_t wanted_ = kTarBlock;
  std::string block_;
  // The type of the extension that is collected; 0: a header is.
  char extension_ = 0;
  bool lost_ = false;
  // The size that a pax header gives for the next member.
  std::optional<uint64_t> next_size_;
  std::string commit_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_TAR_SCANNER_H_
