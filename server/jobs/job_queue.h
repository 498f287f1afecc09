// The daemon's side of worker hosts: one queue of sandboxed jobs per user.
//
// A worker host runs as the user whose jobs it takes and is known by its
// stream. When a job comes and no host is there, one is asked for; jobs wait
// until it says hello, at most `host_timeout`. A host that ends before that is
// followed by one other. A host that is silent for too long, before its hello
// or about a job whose time is over, is killed.
//
// Confined to the io thread; destroyed there, or anywhere once nothing is
// posted or awaited any more. `done` is never called within Submit.

#ifndef HUBD_SERVER_JOBS_JOB_QUEUE_H_
#define HUBD_SERVER_JOBS_JOB_QUEUE_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "hubd/worker/v1/worker.pb.h"
#include "server/base/io_thread.h"

namespace hubd {

// One worker host's stream, as rpc has it. Confined to the io thread.
class HostLink {
 public:
  virtual ~HostLink() = default;
  virtual void Send(const worker::v1::DaemonMessage& message) = 0;
};

// Brings a worker host about. Confined to the io thread; does not wait.
class HostStarter {
 public:
  // Told how a host ended: never OK.
  using EndedFn = std::function<void(const absl::Status& how)>;

  virtual ~HostStarter() = default;
  // Starts a host for the user. A failure is what SANDBOX_UNAVAILABLE will say.
  // `ended` is called when the host has ended, unless StartHost was called
  // again; never within StartHost.
  virtual absl::Status StartHost(uid_t uid, EndedFn ended) = 0;
  // Kills the user's host, if there is one.
  virtual void KillHost(uid_t uid) = 0;
};

class JobQueue {
 public:
  using DoneFn = std::function<void(absl::StatusOr<worker::v1::JobDone>)>;

  struct Options {
    absl::Duration host_timeout = absl::Seconds(20);
    // What a host may take for a job beyond the job's own limit of time: to
    // make the sandbox, to end it, to answer.
    absl::Duration job_grace = absl::Seconds(10);
    // Jobs that one user may have waiting; more are refused with
    // TOO_MANY_WORKERS.
    int max_waiting = 256;
    // Jobs that one host is given at once.
    int jobs_per_host = 4;
  };

  // What a host said of its sandbox: "full" or "none", and why.
  struct Sandbox {
    std::string level;
    std::string reason;
  };

  // A job; dropped: the job is cancelled and `done` not called.
  class Ticket {
   public:
    virtual ~Ticket() = default;
  };

  JobQueue(Options options, IoThread& io, HostStarter& starter);
  ~JobQueue();

  // Runs `job` (its job_id is set here) by a host of `uid`. A job whose host
  // goes away before its end is given to the next host once, then fails.
  // Errors: SANDBOX_UNAVAILABLE, TOO_MANY_WORKERS.
  [[nodiscard]] std::unique_ptr<Ticket> Submit(uid_t uid,
                                               worker::v1::StartJob job,
                                               DoneFn done);

  // What sandbox the user's host has; starts a host where none is there.
  void DescribeSandbox(uid_t uid, std::function<void(Sandbox)> done);

  // A host came, spoke, went. `link` stays valid until RemoveHost.
  uint64_t AddHost(uid_t uid, HostLink& link, const worker::v1::Hello& hello);
  void OnJobDone(uint64_t host, const worker::v1::JobDone& done);
  void RemoveHost(uint64_t host);

  // Jobs that wait or run.
  int size() const;

 private:
  class Impl;
  const std::shared_ptr<Impl> impl_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_JOBS_JOB_QUEUE_H_
