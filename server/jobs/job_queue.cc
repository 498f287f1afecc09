#include "server/jobs/job_queue.h"

#include <algorithm>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/log.h"
#include "server/base/status.h"

namespace hubd {
namespace {

// A job is given to so many hosts before its hosts' ends are held against it,
// and so many hosts are started for those who wait.
constexpr int kMaxAttempts = 2;

absl::Status Unavailable(absl::string_view why) {
  return ReasonError(
      Reason::kSandboxUnavailable,
      absl::StrCat("cannot run hubconf.py in a sandbox: ", why,
                   "; `hubctl doctor` says what is missing, and loading the "
                   "model needs no sandbox"));
}

}  // namespace

// Everything that is called back is posted, so that no callback finds the
// queue in the middle of a change.
class JobQueue::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(Options options, IoThread& io, HostStarter& starter)
      : options_(options), io_(io), starter_(starter) {}

  std::unique_ptr<Ticket> Submit(uid_t uid, worker::v1::StartJob job,
                                 DoneFn done);
  void Cancel(uint64_t job_id);
  void DescribeSandbox(uid_t uid, std::function<void(Sandbox)> done);
  uint64_t AddHost(uid_t uid, HostLink& link, const worker::v1::Hello& hello);
  void OnJobDone(uint64_t host_id, const worker::v1::JobDone& done);
  void RemoveHost(uint64_t host_id);
  int size() const { return static_cast<int>(jobs_.size()); }

 private:
  struct Job {
    uid_t uid = 0;
    worker::v1::StartJob message;
    DoneFn done;
    uint64_t host = 0;  // 0: it waits
    int attempts = 0;
    bool cancelled = false;
    // Set while a host runs it.
    std::unique_ptr<IoThread::Timer> watch = nullptr;
  };
  struct Host {
    uid_t uid = 0;
    HostLink* link = nullptr;
    Sandbox sandbox;
    int running = 0;
  };
  struct User {
    std::deque<uint64_t> waiting;
    std::vector<std::function<void(Sandbox)>> describing;
    // Set while a host is awaited.
    std::unique_ptr<IoThread::Timer> timer;
    // Hosts started meanwhile.
    int starts = 0;
  };

  void PostAdvance(uid_t uid);
  void Advance(uid_t uid);
  // The user's host to describe or to use: one with a sandbox before one
  // without; of those with a free place the one with the fewest jobs.
  const Host* BestHost(uid_t uid) const;
  std::pair<const uint64_t, Host>* FreeHost(uid_t uid);
  void Give(uint64_t job_id, std::pair<const uint64_t, Host>& host);
  void Watch(uint64_t job_id, Job& job);
  void AwaitHost(uid_t uid);
  void StartHost(uid_t uid);
  void OnHostEnded(uid_t uid, const absl::Status& how);
  void GiveUp(uid_t uid, absl::string_view why);
  void FailWaiting(User& user, absl::string_view why);
  void Describe(User& user, const Sandbox& sandbox);
  void Finish(uint64_t job_id, absl::StatusOr<worker::v1::JobDone> result);
  void Forget(uid_t uid);

  const Options options_;
  IoThread& io_;
  HostStarter& starter_;
  uint64_t next_id_ = 1;
  std::map<uint64_t, Job> jobs_;
  std::map<uint64_t, Host> hosts_;
  std::map<uid_t, User> users_;
};

namespace {

class QueueTicket final : public JobQueue::Ticket {
 public:
  explicit QueueTicket(std::function<void()> cancel)
      : cancel_(std::move(cancel)) {}
  ~QueueTicket() override { cancel_(); }

 private:
  const std::function<void()> cancel_;
};

}  // namespace

std::unique_ptr<JobQueue::Ticket> JobQueue::Impl::Submit(
    uid_t uid, worker::v1::StartJob job, DoneFn done) {
  uint64_t id = next_id_++;
  job.set_job_id(id);
  jobs_[id] =
      Job{.uid = uid, .message = std::move(job), .done = std::move(done)};
  User& user = users_[uid];
  if (static_cast<int>(user.waiting.size()) >= options_.max_waiting) {
    Finish(id,
           ReasonError(Reason::kTooManyWorkers,
                       absl::StrCat("uid ", uid, " has ", user.waiting.size(),
                                    " sandboxed jobs waiting; wait for "
                                    "some of them, then try again")));
  } else {
    user.waiting.push_back(id);
    PostAdvance(uid);
  }
  return std::make_unique<QueueTicket>([weak = weak_from_this(), id] {
    if (auto impl = weak.lock()) impl->Cancel(id);
  });
}

void JobQueue::Impl::Cancel(uint64_t job_id) {
  auto found = jobs_.find(job_id);
  if (found == jobs_.end()) return;
  Job& job = found->second;
  job.done = nullptr;
  if (job.host == 0) {
    uid_t uid = job.uid;
    std::erase(users_[uid].waiting, job_id);
    jobs_.erase(found);
    Forget(uid);
    return;
  }
  // The place on the host is free only when the host says that it is.
  job.cancelled = true;
  worker::v1::DaemonMessage message;
  message.mutable_cancel()->set_job_id(job_id);
  hosts_.at(job.host).link->Send(message);
}

void JobQueue::Impl::DescribeSandbox(uid_t uid,
                                     std::function<void(Sandbox)> done) {
  users_[uid].describing.push_back(std::move(done));
  PostAdvance(uid);
}

uint64_t JobQueue::Impl::AddHost(uid_t uid, HostLink& link,
                                 const worker::v1::Hello& hello) {
  uint64_t id = next_id_++;
  hosts_[id] = Host{
      .uid = uid, .link = &link, .sandbox = {hello.sandbox(), hello.reason()}};
  users_[uid].timer = nullptr;
  users_[uid].starts = 0;
  HUBD_LOG(kInfo) << "event=host_added host=" << id << " uid=" << uid
                  << " sandbox=" << LogQuote(hello.sandbox())
                  << " reason=" << LogQuote(hello.reason());
  PostAdvance(uid);
  return id;
}

void JobQueue::Impl::OnJobDone(uint64_t host_id,
                               const worker::v1::JobDone& done) {
  auto found = jobs_.find(done.job_id());
  if (found == jobs_.end() || found->second.host != host_id || host_id == 0) {
    HUBD_LOG(kWarning) << "event=unknown_job host=" << host_id
                       << " job=" << done.job_id();
    return;
  }
  uid_t uid = found->second.uid;
  --hosts_.at(host_id).running;
  Finish(done.job_id(), done);
  PostAdvance(uid);
}

void JobQueue::Impl::RemoveHost(uint64_t host_id) {
  auto host = hosts_.find(host_id);
  if (host == hosts_.end()) return;
  uid_t uid = host->second.uid;
  hosts_.erase(host);
  HUBD_LOG(kInfo) << "event=host_removed host=" << host_id << " uid=" << uid;
  std::vector<uint64_t> orphans;
  for (const auto& [id, job] : jobs_) {
    if (job.host == host_id) orphans.push_back(id);
  }
  // Backwards, so that the oldest comes to stand in front.
  for (auto id = orphans.rbegin(); id != orphans.rend(); ++id) {
    Job& job = jobs_.at(*id);
    job.host = 0;
    job.watch = nullptr;
    if (job.cancelled) {
      jobs_.erase(*id);
    } else if (job.attempts < kMaxAttempts) {
      users_[uid].waiting.push_front(*id);
    } else {
      Finish(*id, Unavailable("the worker host ended while it ran the job, "
                              "and so did the next one"));
    }
  }
  PostAdvance(uid);
}

void JobQueue::Impl::PostAdvance(uid_t uid) {
  io_.Post([weak = weak_from_this(), uid] {
    if (auto impl = weak.lock()) impl->Advance(uid);
  });
}

void JobQueue::Impl::Advance(uid_t uid) {
  User& user = users_[uid];
  if (const Host* best = BestHost(uid)) {
    Describe(user, best->sandbox);
    if (best->sandbox.level != "full") {
      FailWaiting(user, best->sandbox.reason);
    }
    while (!user.waiting.empty()) {
      auto* host = FreeHost(uid);
      if (host == nullptr) break;
      uint64_t job_id = user.waiting.front();
      user.waiting.pop_front();
      Give(job_id, *host);
    }
  } else if (!user.waiting.empty() || !user.describing.empty()) {
    AwaitHost(uid);
  }
  Forget(uid);
}

const JobQueue::Impl::Host* JobQueue::Impl::BestHost(uid_t uid) const {
  const Host* best = nullptr;
  for (const auto& [id, host] : hosts_) {
    if (host.uid != uid) continue;
    if (best == nullptr || host.sandbox.level == "full") best = &host;
  }
  return best;
}

std::pair<const uint64_t, JobQueue::Impl::Host>* JobQueue::Impl::FreeHost(
    uid_t uid) {
  std::pair<const uint64_t, Host>* best = nullptr;
  for (auto& entry : hosts_) {
    const Host& host = entry.second;
    if (host.uid != uid || host.sandbox.level != "full") continue;
    if (host.running >= options_.jobs_per_host) continue;
    if (best == nullptr || host.running < best->second.running) best = &entry;
  }
  return best;
}

void JobQueue::Impl::Give(uint64_t job_id,
                          std::pair<const uint64_t, Host>& host) {
  Job& job = jobs_.at(job_id);
  job.host = host.first;
  ++job.attempts;
  ++host.second.running;
  HUBD_LOG(kInfo) << "event=job_started job=" << job_id << " uid=" << job.uid
                  << " tree=" << LogQuote(job.message.tree_path());
  worker::v1::DaemonMessage message;
  *message.mutable_start() = job.message;
  host.second.link->Send(message);
  Watch(job_id, job);
}

// The limits of a job are the host's to keep; a host that was stopped keeps
// none.
void JobQueue::Impl::Watch(uint64_t job_id, Job& job) {
  int64_t time_ms = job.message.limits().time_ms();
  if (time_ms <= 0) return;
  job.watch = io_.RunAfter(absl::Milliseconds(time_ms) + options_.job_grace,
                           [weak = weak_from_this(), job_id, uid = job.uid] {
                             auto impl = weak.lock();
                             if (impl == nullptr) return;
                             HUBD_LOG(kError) << "event=host_silent uid=" << uid
                                              << " job=" << job_id;
                             impl->starter_.KillHost(uid);
                           });
}

void JobQueue::Impl::AwaitHost(uid_t uid) {
  User& user = users_[uid];
  if (user.timer != nullptr) return;
  user.timer = io_.RunAfter(
      options_.host_timeout,
      [weak = weak_from_this(), uid, timeout = options_.host_timeout] {
        auto impl = weak.lock();
        if (impl == nullptr) return;
        impl->GiveUp(uid, absl::StrCat("no worker host came within ",
                                       absl::FormatDuration(timeout)));
        // One that hangs would stand in the way of the next.
        impl->starter_.KillHost(uid);
      });
  StartHost(uid);
}

void JobQueue::Impl::StartHost(uid_t uid) {
  ++users_[uid].starts;
  absl::Status started = starter_.StartHost(
      uid, [weak = weak_from_this(), uid](const absl::Status& how) {
        if (auto impl = weak.lock()) impl->OnHostEnded(uid, how);
      });
  if (!started.ok()) GiveUp(uid, started.message());
}

// A host that has said hello is known by its stream.
void JobQueue::Impl::OnHostEnded(uid_t uid, const absl::Status& how) {
  auto found = users_.find(uid);
  if (found == users_.end() || found->second.timer == nullptr) return;
  if (found->second.starts < kMaxAttempts) {
    StartHost(uid);
  } else {
    GiveUp(uid, how.message());
  }
}

void JobQueue::Impl::GiveUp(uid_t uid, absl::string_view why) {
  User& user = users_[uid];
  user.timer = nullptr;
  user.starts = 0;
  FailWaiting(user, why);
  Describe(user, {"none", std::string(why)});
  Forget(uid);
}

void JobQueue::Impl::FailWaiting(User& user, absl::string_view why) {
  for (uint64_t id : std::exchange(user.waiting, {})) {
    Finish(id, Unavailable(why));
  }
}

void JobQueue::Impl::Describe(User& user, const Sandbox& sandbox) {
  for (auto& done : std::exchange(user.describing, {})) {
    io_.Post([done = std::move(done), sandbox] { done(sandbox); });
  }
}

// The job stays in the table until its callback runs, so that dropping its
// ticket in between still silences it.
void JobQueue::Impl::Finish(uint64_t job_id,
                            absl::StatusOr<worker::v1::JobDone> result) {
  jobs_.at(job_id).host = 0;
  jobs_.at(job_id).watch = nullptr;
  io_.Post([weak = weak_from_this(), job_id, result = std::move(result)] {
    auto impl = weak.lock();
    if (impl == nullptr) return;
    auto found = impl->jobs_.find(job_id);
    if (found == impl->jobs_.end()) return;
    DoneFn done = std::move(found->second.done);
    impl->jobs_.erase(found);
    if (done) done(result);
  });
}

void JobQueue::Impl::Forget(uid_t uid) {
  const User& user = users_[uid];
  if (user.waiting.empty() && user.describing.empty() && !user.timer) {
    users_.erase(uid);
  }
}

JobQueue::JobQueue(Options options, IoThread& io, HostStarter& starter)
    : impl_(std::make_shared<Impl>(options, io, starter)) {}

JobQueue::~JobQueue() = default;

std::unique_ptr<JobQueue::Ticket> JobQueue::Submit(uid_t uid,
                                                   worker::v1::StartJob job,
                                                   DoneFn done) {
  return impl_->Submit(uid, std::move(job), std::move(done));
}

void JobQueue::DescribeSandbox(uid_t uid, std::function<void(Sandbox)> done) {
  impl_->DescribeSandbox(uid, std::move(done));
}

uint64_t JobQueue::AddHost(uid_t uid, HostLink& link,
                           const worker::v1::Hello& hello) {
  return impl_->AddHost(uid, link, hello);
}

void JobQueue::OnJobDone(uint64_t host, const worker::v1::JobDone& done) {
  impl_->OnJobDone(host, done);
}

void JobQueue::RemoveHost(uint64_t host) { impl_->RemoveHost(host); }

int JobQueue::size() const { return impl_->size(); }

}  // namespace hubd
