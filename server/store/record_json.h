// The JSON of the store's small files (hubd.store.v1).
//
// Thread-safe: pure functions.

#ifndef HUBD_SERVER_STORE_RECORD_JSON_H_
#define HUBD_SERVER_STORE_RECORD_JSON_H_

#include <google/protobuf/message.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/status.h"

namespace hubd {

// JSON holds UTF-8 only; headers and file names may be anything.
std::string EscapeText(absl::string_view text);
std::string UnescapeText(absl::string_view text);

// REQUIRES: every string in it is escaped, or else UTF-8.
std::string MessageToJson(const google::protobuf::Message& message);

// Fields that this version does not know are passed over. DATA_LOSS where it is
// no JSON of this kind of message.
absl::Status ParseJson(absl::string_view json,
                       google::protobuf::Message& message);

template <class Message>
absl::StatusOr<Message> MessageFromJson(absl::string_view json) {
  Message message;
  HUBD_RETURN_IF_ERROR(ParseJson(json, message));
  return message;
}

}  // namespace hubd

#endif  // HUBD_SERVER_STORE_RECORD_JSON_H_
