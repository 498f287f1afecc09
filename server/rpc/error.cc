#include "server/rpc/error.h"

#include <algorithm>
#include <optional>
#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/status.h"
#include "server/base/text.h"

namespace hubd {
namespace {

constexpr char kExitUrl[] = "type.googleapis.com/hubd.v1.WorkerExit";
constexpr char kErrorInfoUrl[] = "type.googleapis.com/google.rpc.ErrorInfo";

// gRPC drops a call whose trailers exceed 8 KB. The message is there twice, and
// percent-encoding can make three bytes of each of the first one's.
constexpr size_t kMaxDetails = 4096;
constexpr size_t kMaxMessage = 1024;
constexpr size_t kMaxValue = 512;
constexpr size_t kMaxMetadata = 1536;
constexpr size_t kMaxTraceback = 2048;

// A traceback's end says most.
std::string CleanEnd(absl::string_view text, size_t max_bytes) {
  if (text.size() > max_bytes) {
    text.remove_prefix(text.size() - max_bytes);
    // Not in the middle of a character.
    while (!text.empty() && (text[0] & 0xc0) == 0x80) text.remove_prefix(1);
  }
  return CleanText(text, max_bytes);
}

void Attach(v1::StatusDetails& details, const char* url,
            const google::protobuf::MessageLite& message) {
  google::protobuf::Any* any = details.add_details();
  any->set_type_url(url);
  any->set_value(message.SerializeAsString());
}

v1::ErrorInfo ErrorInfoOf(Reason reason, const Metadata& metadata) {
  v1::ErrorInfo info;
  info.set_reason(std::string(ReasonName(reason)));
  info.set_domain("hubd");
  size_t used = 0;
  for (const auto& [key, value] : metadata) {
    std::string clean = CleanText(value, kMaxValue);
    used += key.size() + clean.size();
    if (used > kMaxMetadata) break;
    (*info.mutable_metadata())[key] = std::move(clean);
  }
  return info;
}

void AttachExit(v1::StatusDetails& details, const absl::Cord& payload) {
  v1::WorkerExit exit;
  if (!exit.ParseFromString(std::string(payload))) return;
  exit.set_limit(CleanText(exit.limit(), kMaxValue));
  exit.set_exception(CleanText(exit.exception(), kMaxValue));
  std::string traceback = exit.traceback();
  exit.clear_traceback();
  // What the Any around it adds: its type URL, tags and lengths.
  size_t used = details.ByteSizeLong() + exit.ByteSizeLong() + 64;
  if (used >= kMaxDetails) return;
  exit.set_traceback(
      CleanEnd(traceback, std::min(kMaxTraceback, kMaxDetails - used)));
  Attach(details, kExitUrl, exit);
}

}  // namespace

absl::Status WithWorkerExit(const absl::Status& status,
                            const v1::WorkerExit& exit) {
  absl::Status with_exit = status;
  const std::string bytes = exit.SerializeAsString();
  with_exit.SetPayload(kExitUrl, absl::Cord(absl::string_view(bytes)));
  return with_exit;
}

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  // absl's codes are gRPC's, number for number.
  auto code = static_cast<grpc::StatusCode>(status.code());
  std::string message = CleanText(status.message(), kMaxMessage);
  v1::StatusDetails details;
  details.set_code(code);
  details.set_message(message);
  if (std::optional<Reason> reason = ReasonOf(status)) {
    Attach(details, kErrorInfoUrl, ErrorInfoOf(*reason, MetadataOf(status)));
  }
  if (auto exit = status.GetPayload(kExitUrl)) AttachExit(details, *exit);
  return grpc::Status(code, message, details.SerializeAsString());
}

}  // namespace hubd
