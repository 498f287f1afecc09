// What is known of a download that has not ended: the ledger of a partial.

#ifndef HUBD_SERVER_STORE_LEDGER_H_
#define HUBD_SERVER_STORE_LEDGER_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace hubd {

// Of the bytes that one URL gives. A value.
struct Ledger {
  std::string url;
  // What tells these bytes from others of the URL, as it goes into If-Range: a
  // strong ETag, or else the date of the last change. Never empty, and of one
  // line.
  std::string validator;
  // Of the whole object, in bytes.
  int64_t size = 0;
  int64_t part_size = 0;
  // CRC-32C of each part that is on the disk, by its number.
  std::map<int64_t, uint32_t> parts;
  // As the first answer had it; may be empty.
  std::string content_type = {};

  bool operator==(const Ledger&) const = default;
};

// One JSON file (hubd.store.v1.Ledger).
std::string EncodeLedger(const Ledger& ledger);
// DATA_LOSS for what is no ledger, or says what cannot be: a part beyond the
// end, no validator or one that would end its header, sizes that are none, over
// a million parts.
absl::StatusOr<Ledger> DecodeLedger(absl::string_view json);

}  // namespace hubd

#endif  // HUBD_SERVER_STORE_LEDGER_H_
