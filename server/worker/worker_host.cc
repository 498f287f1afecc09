#include "server/worker/worker_host.h"

#include <utility>

#include "server/base/log.h"
#include "server/sandbox/probe.h"
#include "server/worker/job.h"

namespace hubd {

using worker::v1::DaemonMessage;
using worker::v1::HostMessage;
using worker::v1::StartJob;

WorkerHost::WorkerHost(DaemonStream& stream, Options options)
    : stream_(stream), pool_("hubd-job", options.max_jobs) {}

void WorkerHost::Run() {
  const SandboxSupport support = ProbeSandbox();
  HostMessage hello;
  hello.mutable_hello()->set_sandbox(support.Level());
  hello.mutable_hello()->set_reason(support.reason);
  stream_.Write(hello);
  while (const std::optional<DaemonMessage> message = stream_.Read()) {
    if (message->has_start()) Start(message->start());
    if (message->has_cancel()) Cancel(message->cancel().job_id());
  }
  StopAll();
}

void WorkerHost::Start(const StartJob& job) {
  std::stop_source stop;
  {
    MutexLock lock(mutex_);
    if (!jobs_.emplace(job.job_id(), stop).second) {
      HUBD_LOG(kError) << "event=job-twice job=" << job.job_id();
      return;
    }
    ++running_;
  }
  // The pool is a member, so its work ends before `this` does.
  pool_.Post([this, job, token = stop.get_token()] {
    HostMessage message;
    *message.mutable_done() = RunJob(job, token);
    {
      MutexLock lock(mutex_);
      jobs_.erase(job.job_id());
    }
    stream_.Write(message);
    MutexLock lock(mutex_);
    if (--running_ == 0) idle_.NotifyAll();
  });
}

// Waits too: Run's caller may destroy the stream when it returns.
void WorkerHost::StopAll() {
  std::map<uint64_t, std::stop_source> jobs;
  {
    MutexLock lock(mutex_);
    jobs = jobs_;
  }
  for (auto& [job_id, stop] : jobs) stop.request_stop();
  MutexLock lock(mutex_);
  while (running_ > 0) idle_.Wait(mutex_);
}

void WorkerHost::Cancel(uint64_t job_id) {
  std::stop_source stop(std::nostopstate);
  {
    MutexLock lock(mutex_);
    const auto job = jobs_.find(job_id);
    if (job != jobs_.end()) stop = job->second;
  }
  stop.request_stop();
}

}  // namespace hubd
