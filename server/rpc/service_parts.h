// What the services share: their parts, and how they open calls.

#ifndef HUBD_SERVER_RPC_SERVICE_PARTS_H_
#define HUBD_SERVER_RPC_SERVICE_PARTS_H_

#include <grpcpp/server_context.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/admit/admission.h"
#include "server/base/executor.h"
#include "server/base/progress.h"
#include "server/rpc/call_registry.h"
#include "server/rpc/convert.h"
#include "server/rpc/peer.h"
#include "server/rpc/stream_call.h"
#include "server/rpc/unary_call.h"

namespace hubd {

// All outlive the services and their calls.
struct ServiceParts {
  Executor& io;
  Executor& disk;
  CallRegistry& calls;
  Admission& admission;
};

// What the log says of a call about `what`: NAME="what", at most 200 bytes of
// it.
std::string LogSubject(absl::string_view name, absl::string_view what);

// Reads who calls. OpenStream and OpenUnary then fail a call of whom the daemon
// does not serve.
CallInfo DescribeCall(const grpc::CallbackServerContext& context,
                      std::string method, std::string subject);

template <class Response>
std::shared_ptr<StreamCall<Response>> OpenStream(const ServiceParts& parts,
                                                 const CallInfo& info) {
  auto call = StreamCall<Response>::Open(parts.io, parts.calls, info);
  absl::Status admitted = parts.admission.AdmitCaller(info.caller);
  if (!admitted.ok()) call->Fail(admitted);
  return call;
}

template <class Response>
std::shared_ptr<UnaryCall<Response>> OpenUnary(const ServiceParts& parts,
                                               const CallInfo& info,
                                               Response* response) {
  auto call = UnaryCall<Response>::Open(parts.calls, info, response);
  absl::Status admitted = parts.admission.AdmitCaller(info.caller);
  if (!admitted.ok()) call->Fail(admitted);
  return call;
}

// Answers a unary call by work on the disk pool.
template <class Response>
grpc::ServerUnaryReactor* AnswerOnDisk(
    const ServiceParts& parts, const CallInfo& info, Response* response,
    std::function<absl::StatusOr<Response>()> work) {
  auto call = OpenUnary(parts, info, response);
  parts.disk.Post([call, work = std::move(work)] {
    if (!call->ended()) call->Answer(work());
  });
  return call.get();
}

// Callbacks for work behind a call. They hold the call weakly: it may end long
// before the work does.
template <class Response>
ProgressFn ProgressTo(const std::shared_ptr<StreamCall<Response>>& call) {
  return [weak = std::weak_ptr(call)](const Progress& progress) {
    auto call = weak.lock();
    if (call == nullptr) return;
    Response response;
    *response.mutable_progress() = ToProto(progress);
    call->SendProgress(std::move(response));
  };
}

template <class Response, class Value>
std::function<void(absl::StatusOr<Value>)> ResultTo(
    const std::shared_ptr<StreamCall<Response>>& call,
    std::function<void(Value&, Response&)> fill) {
  return [weak = std::weak_ptr(call),
          fill = std::move(fill)](absl::StatusOr<Value> value) {
    auto call = weak.lock();
    if (call == nullptr) return;
    if (!value.ok()) {
      call->Fail(value.status());
      return;
    }
    Response response;
    fill(*value, response);
    call->SendResult(std::move(response));
  };
}

}  // namespace hubd

#endif  // HUBD_SERVER_RPC_SERVICE_PARTS_H_
