// Messages as JSON, with the names that the proto gives.

#ifndef HUBD_CLIENT_CLI_JSON_H_
#define HUBD_CLIENT_CLI_JSON_H_

#include <google/protobuf/message.h>

#include <string>

#include "absl/status/status.h"

namespace hubd {

// One document, indented, with its newline. Fields that are empty or zero stand
// there too. Control characters in strings are escaped.
std::string ToJson(const google::protobuf::Message& message);

// One document with the fields of both messages.
std::string ToJson(const google::protobuf::Message& first,
                   const google::protobuf::Message& second);

// The same on one line: of a stream of documents.
std::string ToJsonLine(const google::protobuf::Message& message);

// {"error": {"code", "reason", "message", "metadata"}}
std::string ErrorToJson(const absl::Status& status);

}  // namespace hubd

#endif  // HUBD_CLIENT_CLI_JSON_H_
