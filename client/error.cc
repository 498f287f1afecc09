#include "client/error.h"

#include <grpcpp/support/status.h>

#include <optional>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "hubd/v1/error.pb.h"
#include "server/base/status.h"

namespace hubd {
namespace {

struct Details {
  v1::ErrorInfo info;
  v1::WorkerExit worker;
};

Details DetailsOf(const grpc::Status& status) {
  Details details;
  v1::StatusDetails all;
  // Bytes that cannot be read say nothing; code and message still do.
  if (!all.ParseFromString(status.error_details())) return details;
  for (const google::protobuf::Any& detail : all.details()) {
    if (absl::EndsWith(detail.type_url(), "/google.rpc.ErrorInfo")) {
      details.info.ParseFromString(detail.value());
    } else if (absl::EndsWith(detail.type_url(), "/hubd.v1.WorkerExit")) {
      details.worker.ParseFromString(detail.value());
    }
  }
  return details;
}

void AddWorker(const v1::WorkerExit& worker, Metadata& metadata) {
  if (worker.kind() == v1::WorkerExit::KIND_UNSPECIFIED) return;
  metadata["worker_exit"] = v1::WorkerExit::Kind_Name(worker.kind());
  if (!worker.limit().empty()) metadata["limit"] = worker.limit();
  if (!worker.exception().empty()) metadata["exception"] = worker.exception();
  if (!worker.traceback().empty()) metadata["traceback"] = worker.traceback();
  if (worker.signal() != 0) metadata["signal"] = absl::StrCat(worker.signal());
}

std::optional<Reason> FindReason(const std::string& name) {
  for (int i = 0; i <= static_cast<int>(Reason::kBadArchive); ++i) {
    if (ReasonName(static_cast<Reason>(i)) == name) {
      return static_cast<Reason>(i);
    }
  }
  return std::nullopt;
}

}  // namespace

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  const Details details = DetailsOf(status);
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  const std::string message =
      status.error_message().empty()
          ? absl::StrCat("hubd answered ", absl::StatusCodeToString(code))
          : status.error_message();
  const std::optional<Reason> reason = FindReason(details.info.reason());
  if (!reason) return absl::Status(code, message);
  Metadata metadata(details.info.metadata().begin(),
                    details.info.metadata().end());
  AddWorker(details.worker, metadata);
  return ReasonError(*reason, message, metadata);
}

bool MayReissue(const grpc::Status& status) {
  return status.error_code() == grpc::StatusCode::UNAVAILABLE &&
         (DetailsOf(status).info.reason().empty() || IsDraining(status));
}

bool IsDraining(const grpc::Status& status) {
  return DetailsOf(status).info.reason() == ReasonName(Reason::kDraining);
}

}  // namespace hubd
