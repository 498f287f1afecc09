#include "server/fetch/flight_table.h"

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <set>

#include "absl/time/time.h"
#include "server/base/mutex.h"
#include "server/base/status.h"
#include "server/fetch/rate_meter.h"

namespace hubd {
namespace {

constexpr absl::Duration kProgressInterval = absl::Milliseconds(100);

// The first id of a table: the time in 1/100 s, of which people have to type
// seven digits. A table has fewer flights than that, and for more than a day
// none has the ids of another.
int64_t FirstId(absl::Time now) {
  constexpr int64_t kIds = 10'000'000;
  return absl::ToUnixMillis(now) / 10 % kIds + 1;
}

}  // namespace

// Flights and interests are plain data under one mutex; nothing is called with
// it held but Bandwidth, which calls nobody.
class FlightTable::Core : public std::enable_shared_from_this<Core> {
 public:
  Core(Runners runners, Executor& callbacks, const Clock& clock,
       Bandwidth& bandwidth)
      : runners_(runners),
        callbacks_(callbacks),
        clock_(clock),
        bandwidth_(bandwidth),
        next_flight_(FirstId(clock.Now())) {}

  uint64_t Join(const FlightKey& key, const FlightSubject& subject, Run run,
                Interest interest);
  void Drop(uint64_t id);
  int size() const;
  std::vector<FlightInfo> List() const;
  Outcome Stop(int64_t id, std::optional<uid_t> only_of,
               const absl::Status& reason);
  absl::StatusOr<Outcome> Limit(int64_t id, std::optional<uid_t> only_of,
                                int64_t bytes_per_second);
  void StopAll(const absl::Status& reason);
  void AwaitIdle();

 private:
  struct Flight {
    int64_t id = 0;
    FlightKey key;
    FlightSubject subject;
    absl::Time since;
    Run run;
    // Asked to stop without the lock: that calls back.
    std::stop_source stop;
    std::set<uint64_t> tickets;
    // Whose limit it has, where that is for whoever waits alone.
    std::optional<uid_t> limited_by;
    Progress newest;
    RateMeter rate;
    // What has been told last, and before when nothing is told.
    Progress::Phase told = Progress::Phase::kQueued;
    absl::Time tell_after = absl::InfinitePast();
    bool delivery_posted = false;
  };
  using FlightPtr = std::shared_ptr<Flight>;  // shared by the table, its runner
                                              // and its tickets

  struct Held : Interest {
    Held(FlightPtr flight, Interest interest)
        : Interest(std::move(interest)), flight(std::move(flight)) {}

    FlightPtr flight;
  };

  class RunContext;

  void Start(const FlightPtr& flight) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Execute(const FlightPtr& flight);
  void Report(const FlightPtr& flight, const Progress& progress);
  absl::Status Judge(const FlightPtr& flight, const Fetched& result) const;
  void PostProgress(const FlightPtr& flight)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DeliverProgress(const FlightPtr& flight);
  void DeliverProgress(const FlightPtr& flight, uint64_t id);
  void Finish(const FlightPtr& flight, absl::StatusOr<Fetched> result);
  void PostResult(const std::set<uint64_t>& tickets,
                  absl::StatusOr<Fetched> result);
  void DeliverResult(uint64_t id, const absl::StatusOr<Fetched>& result);
  FlightInfo Describe(const Flight& flight) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The flight of this id, for a wish of all users or of one only; null, and
  // why not.
  std::pair<FlightPtr, Outcome> Find(int64_t id,
                                     std::optional<uid_t> only_of) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndLimit(Flight& flight) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes the flight out of the table, so that nobody joins it any more.
  void Retire(const FlightPtr& flight) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Runners runners_;
  Executor& callbacks_;
  const Clock& clock_;
  Bandwidth& bandwidth_;

  mutable Mutex mutex_;
  CondVar idle_;
  int64_t next_flight_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_ticket_ ABSL_GUARDED_BY(mutex_) = 1;
  // Flights that can be joined.
  std::map<FlightKey, FlightPtr> flights_ ABSL_GUARDED_BY(mutex_);
  // Flights whose run has not returned: the first of each key runs, the others
  // wait for it.
  std::map<FlightKey, std::deque<FlightPtr>> runs_ ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, std::shared_ptr<Held>> interests_ ABSL_GUARDED_BY(mutex_);
};

class FlightTable::Core::RunContext final : public FlightTable::Context {
 public:
  RunContext(Core& core, FlightPtr flight)
      : core_(core), flight_(std::move(flight)) {}

  int64_t id() const override { return flight_->id; }
  std::stop_token stop() const override { return flight_->stop.get_token(); }
  void Report(const Progress& progress) override {
    core_.Report(flight_, progress);
  }
  absl::Status Judge(const Fetched& result) const override {
    return core_.Judge(flight_, result);
  }

 private:
  Core& core_;
  const FlightPtr flight_;
};

uint64_t FlightTable::Core::Join(const FlightKey& key,
                                 const FlightSubject& subject, Run run,
                                 Interest interest) {
  MutexLock lock(mutex_);
  FlightPtr& flight = flights_[key];
  bool fresh = flight == nullptr;
  if (fresh) {
    flight = std::make_shared<Flight>();
    flight->id = next_flight_++;
    flight->key = key;
    flight->subject = subject;
    flight->since = clock_.Now();
    flight->newest = Progress{.subject = subject.name};
    flight->run = std::move(run);
  }
  if (flight->limited_by && *flight->limited_by != interest.uid) {
    EndLimit(*flight);
  }
  uint64_t id = next_ticket_++;
  flight->tickets.insert(id);
  interests_[id] = std::make_shared<Held>(flight, std::move(interest));
  if (fresh) {
    PostProgress(flight);
  } else if (!flight->delivery_posted) {
    // One that is under way to all reaches this one, too.
    callbacks_.Post([core = shared_from_this(), flight, id] {
      core->DeliverProgress(flight, id);
    });
  }
  if (fresh) {
    std::deque<FlightPtr>& queue = runs_[key];
    queue.push_back(flight);
    if (queue.size() == 1) Start(flight);
  }
  return id;
}

void FlightTable::Core::Start(const FlightPtr& flight) {
  const bool is_checkpoint = flight->subject.kind == "checkpoint";
  Executor& runner = is_checkpoint ? runners_.checkpoints : runners_.others;
  runner.Post([core = shared_from_this(), flight] { core->Execute(flight); });
}

void FlightTable::Core::Execute(const FlightPtr& flight) {
  absl::StatusOr<Fetched> result =
      absl::CancelledError("nobody waits for it any more");
  if (!flight->stop.stop_requested()) {
    RunContext context(*this, flight);
    result = flight->run(context);
  }
  Finish(flight, std::move(result));
}

void FlightTable::Core::Report(const FlightPtr& flight,
                               const Progress& progress) {
  MutexLock lock(mutex_);
  absl::Time now = clock_.Now();
  flight->newest = progress;
  flight->rate.Note(progress.done_bytes, now);
  // A new phase may come early, and what follows it comes so much later.
  const absl::Duration early =
      flight->told != progress.phase ? kProgressInterval : absl::ZeroDuration();
  // A clock that is set back is not waited for.
  flight->tell_after =
      std::min(flight->tell_after, now + 2 * kProgressInterval);
  if (now < flight->tell_after - early) return;
  flight->told = progress.phase;
  flight->tell_after = std::max(flight->tell_after, now) + kProgressInterval;
  PostProgress(flight);
}

void FlightTable::Core::PostProgress(const FlightPtr& flight) {
  if (std::exchange(flight->delivery_posted, true)) return;
  callbacks_.Post(
      [core = shared_from_this(), flight] { core->DeliverProgress(flight); });
}

void FlightTable::Core::DeliverProgress(const FlightPtr& flight) {
  std::set<uint64_t> tickets;
  {
    MutexLock lock(mutex_);
    flight->delivery_posted = false;
    tickets = flight->tickets;
  }
  for (const uint64_t id : tickets) DeliverProgress(flight, id);
}

void FlightTable::Core::DeliverProgress(const FlightPtr& flight, uint64_t id) {
  std::shared_ptr<Held> interest;
  Progress progress;
  {
    // The ticket may have been dropped meanwhile.
    MutexLock lock(mutex_);
    const auto found = interests_.find(id);
    if (found == interests_.end()) return;
    interest = found->second;
    progress = flight->newest;
  }
  if (interest->progress) interest->progress(progress);
}

void FlightTable::Core::Finish(const FlightPtr& flight,
                               absl::StatusOr<Fetched> result) {
  std::set<uint64_t> tickets;
  {
    MutexLock lock(mutex_);
    flight->run = nullptr;
    Retire(flight);
    tickets.swap(flight->tickets);
  }
  PostResult(tickets, std::move(result));
  // Last: who waits for the runs to end may take the executors away after it.
  MutexLock lock(mutex_);
  auto queue = runs_.find(flight->key);
  queue->second.pop_front();
  if (queue->second.empty()) {
    runs_.erase(queue);
  } else {
    Start(queue->second.front());
  }
  if (runs_.empty()) idle_.NotifyAll();
}

void FlightTable::Core::PostResult(const std::set<uint64_t>& tickets,
                                   absl::StatusOr<Fetched> result) {
  if (tickets.empty()) return;
  callbacks_.Post(
      [core = shared_from_this(), tickets, result = std::move(result)] {
        for (uint64_t id : tickets) core->DeliverResult(id, result);
      });
}

void FlightTable::Core::DeliverResult(uint64_t id,
                                      const absl::StatusOr<Fetched>& result) {
  std::shared_ptr<Held> interest;
  {
    MutexLock lock(mutex_);
    auto found = interests_.find(id);
    if (found == interests_.end()) return;
    interest = std::move(found->second);
    interests_.erase(found);
  }
  absl::Status refusal = absl::OkStatus();
  if (result.ok() && interest->accept) refusal = interest->accept(*result);
  if (refusal.ok()) {
    interest->done(result);
  } else {
    interest->done(refusal);
  }
}

absl::Status FlightTable::Core::Judge(const FlightPtr& flight,
                                      const Fetched& result) const {
  std::vector<std::shared_ptr<Held>> present;
  {
    MutexLock lock(mutex_);
    for (uint64_t id : flight->tickets) present.push_back(interests_.at(id));
  }
  absl::Status refusal = absl::CancelledError("nobody waits for it any more");
  for (const std::shared_ptr<Held>& interest : present) {
    if (!interest->accept) return absl::OkStatus();
    refusal = interest->accept(result);
    if (refusal.ok()) break;
  }
  return refusal;
}

void FlightTable::Core::Retire(const FlightPtr& flight) {
  auto found = flights_.find(flight->key);
  if (found == flights_.end() || found->second != flight) return;
  EndLimit(*flight);
  flights_.erase(found);
}

void FlightTable::Core::EndLimit(Flight& flight) {
  flight.limited_by.reset();
  // No limit is always a good one.
  bandwidth_.LimitJob(flight.id, 0).IgnoreError();
}

void FlightTable::Core::Drop(uint64_t id) {
  std::shared_ptr<Held> interest;  // Destroyed after the lock.
  {
    MutexLock lock(mutex_);
    auto found = interests_.find(id);
    if (found == interests_.end()) return;
    interest = std::move(found->second);
    interests_.erase(found);
    Flight& flight = *interest->flight;
    // Empty already: the result is on its way to the others.
    if (flight.tickets.erase(id) == 0 || !flight.tickets.empty()) return;
    Retire(interest->flight);
  }
  interest->flight->stop.request_stop();
}

int FlightTable::Core::size() const {
  MutexLock lock(mutex_);
  return static_cast<int>(flights_.size());
}

std::vector<FlightInfo> FlightTable::Core::List() const {
  std::vector<FlightInfo> flights;
  {
    MutexLock lock(mutex_);
    for (const auto& [key, flight] : flights_) {
      flights.push_back(Describe(*flight));
    }
  }
  std::sort(flights.begin(), flights.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  return flights;
}

FlightInfo FlightTable::Core::Describe(const Flight& flight) const {
  FlightInfo info{.id = flight.id,
                  .domain = flight.key.domain,
                  .subject = flight.subject,
                  .uids = {},
                  .progress = flight.newest,
                  .bytes_per_second = flight.rate.BytesPerSecond(clock_.Now()),
                  .since = flight.since};
  for (uint64_t id : flight.tickets) {
    info.uids.push_back(interests_.at(id)->uid);
  }
  std::sort(info.uids.begin(), info.uids.end());
  return info;
}

std::pair<FlightTable::Core::FlightPtr, FlightTable::Outcome>
FlightTable::Core::Find(int64_t id, std::optional<uid_t> only_of) const {
  const auto found =
      std::find_if(flights_.begin(), flights_.end(),
                   [id](const auto& one) { return one.second->id == id; });
  if (found == flights_.end()) return {nullptr, Outcome::kNotThere};
  for (uint64_t ticket : found->second->tickets) {
    if (only_of && interests_.at(ticket)->uid != *only_of) {
      return {nullptr, Outcome::kOthersWait};
    }
  }
  return {found->second, Outcome::kDone};
}

FlightTable::Outcome FlightTable::Core::Stop(int64_t id,
                                             std::optional<uid_t> only_of,
                                             const absl::Status& reason) {
  std::stop_source stop;
  std::set<uint64_t> tickets;
  {
    MutexLock lock(mutex_);
    const auto [flight, outcome] = Find(id, only_of);
    if (flight == nullptr) return outcome;
    stop = flight->stop;
    tickets.swap(flight->tickets);
    Retire(flight);
  }
  stop.request_stop();
  PostResult(tickets, reason);
  return Outcome::kDone;
}

absl::StatusOr<FlightTable::Outcome> FlightTable::Core::Limit(
    int64_t id, std::optional<uid_t> only_of, int64_t bytes_per_second) {
  MutexLock lock(mutex_);
  const auto [flight, outcome] = Find(id, only_of);
  if (flight == nullptr) return outcome;
  HUBD_RETURN_IF_ERROR(bandwidth_.LimitJob(id, bytes_per_second));
  flight->limited_by = only_of;
  return Outcome::kDone;
}

void FlightTable::Core::StopAll(const absl::Status& reason) {
  std::vector<std::stop_source> stops;
  std::set<uint64_t> tickets;
  {
    MutexLock lock(mutex_);
    for (auto& [key, flight] : flights_) {
      stops.push_back(flight->stop);
      EndLimit(*flight);
      tickets.merge(flight->tickets);
      flight->tickets.clear();
    }
    flights_.clear();
  }
  for (std::stop_source& stop : stops) stop.request_stop();
  PostResult(tickets, reason);
}

void FlightTable::Core::AwaitIdle() {
  MutexLock lock(mutex_);
  while (!runs_.empty()) idle_.Wait(mutex_);
}

FlightTable::Ticket& FlightTable::Ticket::operator=(Ticket&& other) noexcept {
  if (this != &other) {
    Drop();
    core_ = std::move(other.core_);
    id_ = std::exchange(other.id_, 0);
  }
  return *this;
}

void FlightTable::Ticket::Drop() {
  uint64_t id = std::exchange(id_, 0);
  if (id == 0) return;
  if (std::shared_ptr<Core> core = core_.lock()) core->Drop(id);
}

FlightTable::FlightTable(Runners runners, Executor& callbacks,
                         const Clock& clock, Bandwidth& bandwidth)
    : core_(std::make_shared<Core>(runners, callbacks, clock, bandwidth)) {}

FlightTable::~FlightTable() {
  StopAll(absl::CancelledError("the daemon ends"));
  core_->AwaitIdle();
}

FlightTable::Ticket FlightTable::Join(const FlightKey& key,
                                      const FlightSubject& subject, Run run,
                                      Interest interest) {
  return Ticket(core_,
                core_->Join(key, subject, std::move(run), std::move(interest)));
}

int FlightTable::size() const { return core_->size(); }

std::vector<FlightInfo> FlightTable::List() const { return core_->List(); }

FlightTable::Outcome FlightTable::Stop(int64_t id, std::optional<uid_t> only_of,
                                       const absl::Status& reason) {
  return core_->Stop(id, only_of, reason);
}

absl::StatusOr<FlightTable::Outcome> FlightTable::Limit(
    int64_t id, std::optional<uid_t> only_of, int64_t bytes_per_second) {
  return core_->Limit(id, only_of, bytes_per_second);
}

void FlightTable::StopAll(const absl::Status& reason) {
  core_->StopAll(reason);
}

}  // namespace hubd
