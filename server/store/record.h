// Records: the small file that says what a published object is and where it
// came from.
//
// Thread-safe: pure functions.

#ifndef HUBD_SERVER_STORE_RECORD_H_
#define HUBD_SERVER_STORE_RECORD_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/store/objects.h"

namespace hubd {

// The content of an object's record: one JSON object.
std::string EncodeRecord(const TreeObject& tree);
std::string EncodeRecord(const CheckpointObject& checkpoint);
std::string EncodeRecord(const UnpackedObject& unpacked);
std::string EncodeRecord(const RefsObject& refs);

// The object that a record tells of, without its path. Fields that this version
// does not know are passed over. DATA_LOSS where the content is no record of
// this kind of object, or its digest, commit or names are none.
template <class Object>
absl::StatusOr<Object> DecodeRecord(absl::string_view content);

template <>
absl::StatusOr<TreeObject> DecodeRecord(absl::string_view content);
template <>
absl::StatusOr<CheckpointObject> DecodeRecord(absl::string_view content);
template <>
absl::StatusOr<UnpackedObject> DecodeRecord(absl::string_view content);
template <>
absl::StatusOr<RefsObject> DecodeRecord(absl::string_view content);

}  // namespace hubd

#endif  // HUBD_SERVER_STORE_RECORD_H_
