#include "client/cli/json.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/base/status.h"
#include "server/base/text.h"

namespace hubd {
namespace {

google::protobuf::Struct ToStruct(const google::protobuf::Message& message) {
  google::protobuf::Struct fields;
  const bool read =
      google::protobuf::util::JsonStringToMessage(ToJson(message), &fields)
          .ok();
  HUBD_CHECK(read);
  return fields;
}

std::string Write(const google::protobuf::Message& message, bool indented) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = indented;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string json;
  const bool written =
      google::protobuf::util::MessageToJsonString(message, &json, options).ok();
  HUBD_CHECK(written);
  return absl::StrCat(absl::StripSuffix(json, "\n"), "\n");
}

}  // namespace

std::string ToJson(const google::protobuf::Message& message) {
  return Write(message, /*indented=*/true);
}

std::string ToJsonLine(const google::protobuf::Message& message) {
  return Write(message, /*indented=*/false);
}

std::string ToJson(const google::protobuf::Message& first,
                   const google::protobuf::Message& second) {
  google::protobuf::Struct fields = ToStruct(first);
  fields.MergeFrom(ToStruct(second));
  return ToJson(fields);
}

std::string ErrorToJson(const absl::Status& status) {
  google::protobuf::Struct document;
  auto& error = *(*document.mutable_fields())["error"]
                     .mutable_struct_value()
                     ->mutable_fields();
  const std::optional<Reason> reason = ReasonOf(status);
  error["code"].set_string_value(absl::StatusCodeToString(status.code()));
  error["reason"].set_string_value(
      std::string(reason ? ReasonName(*reason) : ""));
  error["message"].set_string_value(CleanText(status.message()));
  auto& metadata = *error["metadata"].mutable_struct_value()->mutable_fields();
  for (const auto& [key, value] : MetadataOf(status)) {
    metadata[CleanText(key)].set_string_value(CleanText(value));
  }
  return ToJson(document);
}

}  // namespace hubd
