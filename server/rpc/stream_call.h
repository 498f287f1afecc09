// One call that may fetch: progress messages, then one result or an error.

#ifndef HUBD_SERVER_RPC_STREAM_CALL_H_
#define HUBD_SERVER_RPC_STREAM_CALL_H_

#include <grpcpp/support/server_callback.h>

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/executor.h"
#include "server/base/mutex.h"
#include "server/rpc/call_registry.h"
#include "server/rpc/error.h"

namespace hubd {

// The answering side of a server-streaming call. Of progress that the client
// has not taken yet only the newest is kept, so that a client that never reads
// costs one message. Thread-safe.
//
// It keeps itself alive until gRPC is done with it; others hold weak pointers.
// The work behind a call that cannot be answered at once lives on the io
// thread: it is made there by Run, and dropped there when the client goes or
// the call is over.
template <class Response>
class StreamCall final
    : public grpc::ServerWriteReactor<Response>,
      public Call,
      public std::enable_shared_from_this<StreamCall<Response>> {
 public:
  // Whatever the call waits for. Dropped: no further callback.
  using Work = std::shared_ptr<void>;

  // Answers the call at once, if it can.
  using LookUp = std::function<std::optional<absl::StatusOr<Response>>()>;

  // Opens the call. `io` and `calls` must outlive it.
  static std::shared_ptr<StreamCall> Open(Executor& io, CallRegistry& calls,
                                          CallInfo info) {
    auto call = std::make_shared<StreamCall>(Private(), io, calls);
    call->keep_alive_ = call;
    call->id_ = calls.Open(call, std::move(info));
    return call;
  }

  // Makes the work on the io thread, unless the call has ended by then.
  void Run(std::function<Work()> start) {
    {
      MutexLock lock(mutex_);
      has_work_ = true;
    }
    io_.Post([self = this->shared_from_this(), start = std::move(start)] {
      if (!self->ended()) self->work_ = start();
    });
  }

  // Ends the call with what `look_up` gives; false where that is nothing. Runs
  // it here: it must not wait. A call that has ended looks nothing up.
  bool AnswerFrom(const LookUp& look_up) {
    if (ended()) return true;
    std::optional<absl::StatusOr<Response>> known = look_up();
    if (!known) return false;
    SendResult(*std::move(known));
    return true;
  }

  // First runs `look_up`, which may wait for the disk, on `disk`. What it gives
  // ends the call, without a way over the io thread: most calls are about what
  // is there. Else Run(start).
  void Run(Executor& disk, LookUp look_up, std::function<Work()> start) {
    disk.Post([self = this->shared_from_this(), look_up = std::move(look_up),
               start = std::move(start)]() mutable {
      if (self->ended()) return;
      std::optional<absl::StatusOr<Response>> known = look_up();
      if (known) {
        self->SendResult(*std::move(known));
      } else {
        self->Run(std::move(start));
      }
    });
  }

  // Replaces progress that was not written yet.
  void SendProgress(Response progress) {
    MutexLock lock(mutex_);
    if (ended_) return;
    progress_ = std::move(progress);
    Pump();
  }

  // Ends the call with its result, or with the error.
  void SendResult(absl::StatusOr<Response> result) {
    MutexLock lock(mutex_);
    if (ended_) return;
    ended_ = true;
    outcome_ = result.status();
    progress_.reset();
    if (result.ok()) result_ = *std::move(result);
    Pump();
  }

  void Fail(const absl::Status& status) override { SendResult(status); }

  void OnWriteDone(bool ok) override {
    MutexLock lock(mutex_);
    writing_ = false;
    // The connection is gone; OnCancel comes or has come.
    if (!ok) result_.reset();
    Pump();
  }

  void OnCancel() override {
    Fail(absl::CancelledError("the client has gone"));
    DropWork();
  }

  void OnDone() override {
    absl::Status outcome;
    {
      MutexLock lock(mutex_);
      outcome = outcome_;
    }
    DropWork();
    calls_.Close(id_, outcome);
    keep_alive_.reset();
  }

 private:
  // Makes the constructor usable by make_shared and by nobody else.
  struct Private {};

 public:
  StreamCall(Private, Executor& io, CallRegistry& calls)
      : io_(io), calls_(calls) {}

 private:
  bool ended() const {
    MutexLock lock(mutex_);
    return ended_;
  }

  void DropWork() {
    {
      MutexLock lock(mutex_);
      if (!has_work_) return;
    }
    io_.Post([self = this->shared_from_this()] { self->work_ = nullptr; });
  }

  // Starts the next operation, one at a time. gRPC runs reactions on its own
  // threads, never within a Start call, so that the lock may be held.
  void Pump() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (writing_ || finished_) return;
    if (result_) {
      finished_ = true;
      current_ = *std::move(result_);
      this->StartWriteAndFinish(&current_, grpc::WriteOptions(),
                                grpc::Status::OK);
    } else if (ended_) {
      finished_ = true;
      this->Finish(ToGrpcStatus(outcome_));
    } else if (progress_) {
      writing_ = true;
      current_ = *std::move(progress_);
      progress_.reset();
      this->StartWrite(&current_);
    }
  }

  Executor& io_;
  CallRegistry& calls_;
  uint64_t id_ = 0;
  std::shared_ptr<StreamCall> keep_alive_;
  // Confined to the io thread. Shared only so that it can be of any type.
  Work work_;

  mutable Mutex mutex_;
  // The newest progress that waits for the write under way.
  std::optional<Response> progress_ ABSL_GUARDED_BY(mutex_);
  std::optional<Response> result_ ABSL_GUARDED_BY(mutex_);
  // What gRPC is writing; untouched while it does.
  Response current_ ABSL_GUARDED_BY(mutex_);
  absl::Status outcome_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  // The outcome is known.
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  // Work was posted, and may be there.
  bool has_work_ ABSL_GUARDED_BY(mutex_) = false;
  // The last operation was started.
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace hubd

#endif  // HUBD_SERVER_RPC_STREAM_CALL_H_
