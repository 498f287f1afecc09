// Messages of a worker host, which runs as the caller and may be anybody's: how
// a job ended becomes an answer or an error that gRPC can carry, and that the
// client reads as it was meant.

#include <google/protobuf/stubs/logging.h>
#include <grpcpp/support/status.h>

#include <cstdint>

#include "absl/strings/string_view.h"
#include "client/error.h"
#include "hubd/v1/error.pb.h"
#include "server/base/status.h"
#include "server/rpc/error.h"
#include "server/rpc/job_result.h"
#include "tests/fuzz/clean_text.h"

namespace hubd {
namespace {

// gRPC 1.51 drops a call whose trailers are larger.
constexpr size_t kMaxDetails = 4096;

void CheckError(const absl::Status& status) {
  const grpc::Status sent = ToGrpcStatus(status);
  HUBD_CHECK(IsCleanText(sent.error_message()));
  HUBD_CHECK(sent.error_details().size() <= kMaxDetails);
  v1::StatusDetails details;
  HUBD_CHECK(details.ParseFromString(sent.error_details()));
  HUBD_CHECK(details.message() == sent.error_message());
  const absl::Status received = FromGrpc(sent);
  HUBD_CHECK(received.code() == status.code());
  HUBD_CHECK(ReasonOf(received) == ReasonOf(status));
  HUBD_CHECK(IsCleanError(received));
}

}  // namespace
}  // namespace hubd

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // It would write a line for each text that is no UTF-8.
  static const auto logging = google::protobuf::SetLogHandler(nullptr);
  (void)logging;
  hubd::worker::v1::HostMessage message;
  if (!message.ParseFromArray(data, static_cast<int>(size))) return 0;
  for (const char* entrypoint : {"", "resnet"}) {
    const auto result =
        hubd::ResultOfJob("github.com/o/r", entrypoint, message.done());
    if (!result.ok()) hubd::CheckError(result.status());
  }
  return 0;
}
