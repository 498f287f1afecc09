#include "server/store/record_json.h"

#include <google/protobuf/util/json_util.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace hubd {

std::string EscapeText(absl::string_view text) { return absl::CEscape(text); }

std::string UnescapeText(absl::string_view text) {
  std::string result;
  absl::CUnescape(text, &result);
  return result;
}

std::string MessageToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.preserve_proto_field_names = true;
  std::string json;
  // Every string was escaped, so there is nothing that JSON cannot hold.
  HUBD_CHECK(
      google::protobuf::util::MessageToJsonString(message, &json, options)
          .ok());
  return json;
}

absl::Status ParseJson(absl::string_view json,
                       google::protobuf::Message& message) {
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  auto status = google::protobuf::util::JsonStringToMessage(
      {json.data(), json.size()}, &message, options);
  if (status.ok()) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("no record: ", status.ToString().substr(0, 200)));
}

}  // namespace hubd
