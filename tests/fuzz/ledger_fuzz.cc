// Ledgers from the disk, damaged or made by others: what is taken can be
// written and read again, and its parts lie within the object.

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "server/base/status.h"
#include "server/store/ledger.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::StatusOr<hubd::Ledger> ledger =
      hubd::DecodeLedger({reinterpret_cast<const char*>(data), size});
  if (!ledger.ok()) {
    HUBD_CHECK(absl::IsDataLoss(ledger.status()));
    return 0;
  }
  HUBD_CHECK(!ledger->validator.empty());
  HUBD_CHECK(ledger->size >= 0 && ledger->part_size > 0);
  for (const auto& [number, crc] : ledger->parts) {
    int64_t offset;
    HUBD_CHECK(number >= 0 &&
               !__builtin_mul_overflow(number, ledger->part_size, &offset) &&
               offset < ledger->size);
  }
  const absl::StatusOr<hubd::Ledger> again =
      hubd::DecodeLedger(hubd::EncodeLedger(*ledger));
  HUBD_CHECK(again.ok());
  HUBD_CHECK(*again == *ledger);
  return 0;
}
