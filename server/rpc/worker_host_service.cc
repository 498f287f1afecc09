#include "server/rpc/worker_host_service.h"

#include <deque>
#include <memory>
#include <utility>

#include "server/rpc/error.h"

namespace hubd {
namespace {

using worker::v1::DaemonMessage;
using worker::v1::HostMessage;

// More unread messages than this, and the host is taken for dead.
constexpr size_t kMaxUnread = 256;

// One stream. What gRPC calls back is guarded by the mutex; what the job queue
// knows of it is confined to the io thread. Keeps itself alive until gRPC is
// done with it.
class HostCall final
    : public grpc::ServerBidiReactor<HostMessage, DaemonMessage>,
      public Call,
      public HostLink,
      public std::enable_shared_from_this<HostCall> {
 public:
  HostCall(const ServiceParts& parts, JobQueue& jobs, uid_t uid)
      : io_(parts.io), calls_(parts.calls), jobs_(jobs), uid_(uid) {}

  void Open(const CallInfo& info) {
    keep_alive_ = shared_from_this();
    id_ = calls_.Open(keep_alive_, info);
  }

  void ReadNext() {
    MutexLock lock(mutex_);
    if (!ended_) StartRead(&incoming_);
  }

  void Send(const DaemonMessage& message) override {
    MutexLock lock(mutex_);
    if (ended_) return;
    unread_.push_back(message);
    if (unread_.size() > kMaxUnread) {
      End(absl::ResourceExhaustedError("the worker host does not read"));
    }
    Pump();
  }

  void Fail(const absl::Status& status) override {
    MutexLock lock(mutex_);
    End(status);
    Pump();
  }

  // The next read waits until the message is dealt with, so that a host cannot
  // fill the io thread's queue.
  void OnReadDone(bool ok) override {
    io_.Post([self = shared_from_this(), ok] {
      if (!ok) {
        self->Leave();
        self->Fail(absl::OkStatus());
        return;
      }
      absl::Status taken = self->Take();
      if (!taken.ok()) self->Fail(taken);
      self->ReadNext();
    });
  }

  void OnWriteDone(bool ok) override {
    MutexLock lock(mutex_);
    writing_ = false;
    if (!ok) unread_.clear();
    Pump();
  }

  void OnCancel() override {
    Fail(absl::CancelledError("the worker host has gone"));
    PostLeave();
  }

  void OnDone() override {
    PostLeave();
    absl::Status outcome;
    {
      MutexLock lock(mutex_);
      outcome = outcome_;
    }
    calls_.Close(id_, outcome);
    keep_alive_.reset();
  }

 private:
  absl::Status Take() {
    HostMessage message = std::exchange(incoming_, {});
    bool hello = message.has_hello();
    if (left_) return absl::OkStatus();
    if (hello == (host_ != 0) || (!hello && !message.has_done())) {
      return absl::InvalidArgumentError(
          "a worker host says hello once, then how its jobs ended");
    }
    if (hello) {
      host_ = jobs_.AddHost(uid_, *this, message.hello());
    } else {
      jobs_.OnJobDone(host_, message.done());
    }
    return absl::OkStatus();
  }

  void PostLeave() {
    io_.Post([self = shared_from_this()] { self->Leave(); });
  }

  void Leave() {
    left_ = true;
    if (uint64_t host = std::exchange(host_, 0)) jobs_.RemoveHost(host);
  }

  void End(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (std::exchange(ended_, true)) return;
    outcome_ = status;
    unread_.clear();
  }

  void Pump() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (writing_ || finished_) return;
    if (ended_) {
      finished_ = true;
      Finish(ToGrpcStatus(outcome_));
    } else if (!unread_.empty()) {
      writing_ = true;
      outgoing_ = std::move(unread_.front());
      unread_.pop_front();
      StartWrite(&outgoing_);
    }
  }

  Executor& io_;
  CallRegistry& calls_;
  JobQueue& jobs_;
  const uid_t uid_;
  uint64_t id_ = 0;
  std::shared_ptr<HostCall> keep_alive_;

  // Confined to the io thread. 0: not with the job queue.
  uint64_t host_ = 0;
  bool left_ = false;

  // gRPC's while a read is under way, then the io thread's.
  HostMessage incoming_;

  Mutex mutex_;
  std::deque<DaemonMessage> unread_ ABSL_GUARDED_BY(mutex_);
  DaemonMessage outgoing_ ABSL_GUARDED_BY(mutex_);
  absl::Status outcome_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

grpc::ServerBidiReactor<HostMessage, DaemonMessage>* WorkerHostService::Serve(
    grpc::CallbackServerContext* context) {
  CallInfo info = DescribeCall(*context, "Serve", "");
  info.background = true;
  auto call = std::make_shared<HostCall>(parts_, jobs_, info.caller.uid);
  call->Open(info);
  absl::Status admitted = parts_.admission.AdmitCaller(info.caller);
  if (!admitted.ok()) call->Fail(admitted);
  call->ReadNext();
  return call.get();
}

}  // namespace hubd
