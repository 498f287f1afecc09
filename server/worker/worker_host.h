// The worker host: runs a daemon's jobs as the user who asked for them.

#ifndef HUBD_SERVER_WORKER_WORKER_HOST_H_
#define HUBD_SERVER_WORKER_WORKER_HOST_H_

#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>

#include "hubd/worker/v1/worker.pb.h"
#include "server/base/executor.h"
#include "server/base/mutex.h"

namespace hubd {

// The stream to the daemon (hubd.worker.v1.WorkerHost.Serve), seen from here.
class DaemonStream {
 public:
  virtual ~DaemonStream() = default;

  // Waits for the next message; nullopt when the stream is over. Called by one
  // thread.
  virtual std::optional<worker::v1::DaemonMessage> Read() = 0;

  // Sends, or drops the message when the stream is over. Called by several
  // threads at once.
  virtual void Write(const worker::v1::HostMessage& message) = 0;
};

// Takes jobs from one daemon and answers each with one JobDone. Thread-safe.
class WorkerHost {
 public:
  struct Options {
    // Sandboxes at one time; further jobs wait their turn.
    int max_jobs = 4;
  };

  // `stream` must outlive the host.
  WorkerHost(DaemonStream& stream, Options options);

  // Says Hello, which takes one trial run of the sandbox, then serves until the
  // stream is over; then kills what runs and returns when it is gone. Once
  // only.
  void Run();

 private:
  void Start(const worker::v1::StartJob& job);
  void Cancel(uint64_t job_id);
  void StopAll();

  DaemonStream& stream_;

  Mutex mutex_;
  // Of jobs that run or wait.
  std::map<uint64_t, std::stop_source> jobs_ ABSL_GUARDED_BY(mutex_);
  // Jobs whose JobDone is not yet written.
  int running_ ABSL_GUARDED_BY(mutex_) = 0;
  CondVar idle_;

  // One thread for each running job, which waits for its sandbox. Last, so that
  // it ends first.
  ThreadPool pool_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_WORKER_WORKER_HOST_H_
