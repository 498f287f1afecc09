// One call with one answer.

#ifndef HUBD_SERVER_RPC_UNARY_CALL_H_
#define HUBD_SERVER_RPC_UNARY_CALL_H_

#include <grpcpp/support/server_callback.h>

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/mutex.h"
#include "server/rpc/call_registry.h"
#include "server/rpc/error.h"

namespace hubd {

// The answering side of a unary call. Keeps itself alive until gRPC is done
// with it; work that runs for it may hold it longer. Thread-safe.
template <class Response>
class UnaryCall final
    : public grpc::ServerUnaryReactor,
      public Call,
      public std::enable_shared_from_this<UnaryCall<Response>> {
 public:
  // Opens the call; `response` is gRPC's. `calls` must outlive it.
  static std::shared_ptr<UnaryCall> Open(CallRegistry& calls, CallInfo info,
                                         Response* response) {
    auto call = std::make_shared<UnaryCall>(Private(), calls, response);
    call->keep_alive_ = call;
    call->id_ = calls.Open(call, std::move(info));
    return call;
  }

  // The first answer counts.
  void Answer(absl::StatusOr<Response> answer) {
    MutexLock lock(mutex_);
    if (ended_) return;
    ended_ = true;
    outcome_ = answer.status();
    if (answer.ok()) *response_ = *std::move(answer);
    Finish(ToGrpcStatus(outcome_));
  }

  void Fail(const absl::Status& status) override { Answer(status); }

  // Whether there is an answer already: work for it would be in vain.
  bool ended() const {
    MutexLock lock(mutex_);
    return ended_;
  }

  void OnCancel() override {
    Fail(absl::CancelledError("the client has gone"));
  }

  void OnDone() override {
    absl::Status outcome;
    {
      MutexLock lock(mutex_);
      outcome = outcome_;
    }
    calls_.Close(id_, outcome);
    keep_alive_.reset();
  }

 private:
  // Makes the constructor usable by make_shared and by nobody else.
  struct Private {};

 public:
  UnaryCall(Private, CallRegistry& calls, Response* response)
      : calls_(calls), response_(response) {}

 private:
  CallRegistry& calls_;
  uint64_t id_ = 0;
  std::shared_ptr<UnaryCall> keep_alive_;

  mutable Mutex mutex_;
  // Valid until the call ended.
  Response* const response_ ABSL_PT_GUARDED_BY(mutex_);
  absl::Status outcome_ ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace hubd

#endif  // HUBD_SERVER_RPC_UNARY_CALL_H_
