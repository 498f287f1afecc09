// One call to the daemon: deadline, cancellation, progress, re-issue.

#ifndef HUBD_CLIENT_CALL_H_
#define HUBD_CLIENT_CALL_H_

#include <google/protobuf/message.h>
#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/call_limit.h"
#include "client/connection.h"
#include "client/daemon.h"
#include "hubd/v1/hub.pb.h"
#include "server/base/status.h"

namespace hubd {

// Where a call goes and how long it may go on.
struct CallTarget {
  Connection& connection;
  const DaemonPlace& place;
  const CallLimit& limit;
};

// Sends one request over a channel and waits for its end. Says with `begun`
// that the daemon has told something of it.
using Attempt = std::function<grpc::Status(Connection::Channel&,
                                           grpc::ClientContext&, bool& begun)>;

// What is done where a daemon is lost that had begun.
enum class OnceBegun {
  kRepeat,  // the same as where it had not
  kRenew,   // the same with all tries: the call has no end of its own
  kFail,    // ABORTED: asked again, it would not tell what it has done
};

// Runs `attempt` until it succeeds or fails for good. Where the connection
// breaks or the daemon is draining, a daemon is found or started again and the
// attempt repeated, with pauses of 50 ms to 1 s: at most five times after a
// lost connection, and for some 40 s while a daemon drains. The limit ends a
// running attempt at once.
absl::Status IssueCall(const CallTarget& target, const Attempt& attempt,
                       OnceBegun once_begun = OnceBegun::kRepeat);

// INVALID_ARGUMENT for a request that no daemon takes, as it is too large.
absl::Status CheckSize(const google::protobuf::Message& request);

// A call with one answer, by a method of a service's stub.
template <class Service, class Request, class Response>
absl::StatusOr<Response> CallUnary(
    const CallTarget& target,
    grpc::Status (Service::Stub::*method)(grpc::ClientContext*, const Request&,
                                          Response*),
    const Request& request) {
  HUBD_RETURN_IF_ERROR(CheckSize(request));
  Response response;
  HUBD_RETURN_IF_ERROR(IssueCall(
      target, [&](Connection::Channel& channel, auto& context, bool&) {
        response.Clear();
        typename Service::Stub stub(channel.grpc);
        return (stub.*method)(&context, request, &response);
      }));
  return response;
}

// A call that reports progress, then gives one result.
template <class Result, class Stub, class Request, class Response>
absl::StatusOr<Result> CallStream(
    const CallTarget& target,
    std::unique_ptr<grpc::ClientReader<Response>> (Stub::*method)(
        grpc::ClientContext*, const Request&),
    const Request& request,
    const std::function<void(const v1::Progress&)>& progress,
    OnceBegun once_begun = OnceBegun::kRepeat) {
  HUBD_RETURN_IF_ERROR(CheckSize(request));
  std::optional<Result> result;
  HUBD_RETURN_IF_ERROR(IssueCall(
      target,
      [&](Connection::Channel& channel, auto& context, bool& begun) {
        result.reset();
        auto reader = (channel.StubOf<Stub>().*method)(&context, request);
        Response response;
        // Nothing follows a result.
        while (!result && reader->Read(&response)) {
          const bool waits =
              response.has_progress() &&
              response.progress().phase() == v1::Progress::QUEUED;
          begun = begun || !waits;
          if (response.has_result()) {
            result = std::move(*response.mutable_result());
          } else if (response.has_progress() && progress) {
            progress(response.progress());
          }
        }
        const grpc::Status status = reader->Finish();
        // What was lost is no more than the end of it.
        return result && once_begun == OnceBegun::kFail ? grpc::Status::OK
                                                        : status;
      },
      once_begun));
  if (!result) {
    return absl::InternalError("hubd ended the call without a result");
  }
  return *std::move(result);
}

// A call that tells again and again, on this thread, until its limit ends it.
template <class Stub, class Request, class Response>
absl::Status CallWatch(const CallTarget& target,
                       std::unique_ptr<grpc::ClientReader<Response>> (
                           Stub::*method)(grpc::ClientContext*, const Request&),
                       const Request& request,
                       const std::function<void(const Response&)>& tell) {
  return IssueCall(
      target,
      [&](Connection::Channel& channel, auto& context, bool& begun) {
        auto reader = (channel.StubOf<Stub>().*method)(&context, request);
        Response response;
        while (reader->Read(&response)) {
          begun = true;
          tell(response);
        }
        return reader->Finish();
      },
      OnceBegun::kRenew);
}

}  // namespace hubd

#endif  // HUBD_CLIENT_CALL_H_
