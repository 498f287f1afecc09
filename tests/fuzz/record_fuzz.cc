// Records from the disk, damaged or made by others: what is taken can be
// written and read again, and names no place outside its own.

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "server/base/status.h"
#include "server/store/record.h"

namespace hubd {
namespace {

template <class Object>
void Check(absl::string_view content) {
  const absl::StatusOr<Object> object = DecodeRecord<Object>(content);
  if (!object.ok()) {
    HUBD_CHECK(object.status().code() == absl::StatusCode::kDataLoss);
    return;
  }
  const std::string encoded = EncodeRecord(*object);
  const absl::StatusOr<Object> again = DecodeRecord<Object>(encoded);
  HUBD_CHECK(again.ok());
  HUBD_CHECK(*again == *object);
}

}  // namespace
}  // namespace hubd

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view content(reinterpret_cast<const char*>(data), size);
  hubd::Check<hubd::TreeObject>(content);
  hubd::Check<hubd::CheckpointObject>(content);
  hubd::Check<hubd::UnpackedObject>(content);
  hubd::Check<hubd::RefsObject>(content);
  return 0;
}
