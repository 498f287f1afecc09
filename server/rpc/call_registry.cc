#include "server/rpc/call_registry.h"

#include <sys/socket.h>

#include <optional>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "server/base/log.h"
#include "server/base/status.h"

namespace hubd {
namespace {

absl::Status Draining() {
  return ReasonError(Reason::kDraining,
                     "the daemon ends; ask again, and another one is started "
                     "or has taken its place",
                     {{"retry_after_ms", "100"}});
}

}  // namespace

CallRegistry::CallRegistry() : idle_since_(absl::Now()) {}

uint64_t CallRegistry::Open(const std::shared_ptr<Call>& call, CallInfo info) {
  uint64_t id = 0;
  bool refused = false;
  bool crowded = false;
  const int connection = info.connection;
  {
    MutexLock lock(mutex_);
    id = next_id_++;
    refused = ended_ || (draining_ && !info.background);
    if (!info.background) ++counted_;
    if (info.watched) ++watched_;
    crowded =
        connection >= 0 && ++by_connection_[connection] > kMaxPerConnection;
    calls_[id] = Entry{call, std::move(info), absl::Now()};
  }
  // First, since the descriptor is surely the connection's until the call ends.
  if (crowded) ::shutdown(connection, SHUT_RDWR);
  if (refused) call->Fail(Draining());
  return id;
}

void CallRegistry::Close(uint64_t id, const absl::Status& outcome) {
  absl::Time now = absl::Now();
  Entry entry;
  {
    MutexLock lock(mutex_);
    auto found = calls_.find(id);
    if (found == calls_.end()) return;
    entry = std::move(found->second);
    calls_.erase(found);
    if (!entry.info.background) --counted_;
    if (entry.info.watched) --watched_;
    if (!entry.info.background || entry.info.watched) idle_since_ = now;
    auto connection = by_connection_.find(entry.info.connection);
    if (connection != by_connection_.end() && --connection->second == 0) {
      by_connection_.erase(connection);
    }
    if (calls_.empty()) none_.NotifyAll();
  }
  std::optional<Reason> reason = ReasonOf(outcome);
  HUBD_LOG(kInfo) << "call=" << id << " method=" << entry.info.method
                  << " uid=" << entry.info.caller.uid
                  << " pid=" << entry.info.caller.pid
                  << (entry.info.subject.empty() ? "" : " ")
                  << entry.info.subject
                  << " code=" << absl::StatusCodeToString(outcome.code())
                  << (reason ? " reason=" : "")
                  << (reason ? ReasonName(*reason) : "")
                  << " ms=" << absl::ToInt64Milliseconds(now - entry.opened_at);
}

void CallRegistry::BeginDrain() {
  MutexLock lock(mutex_);
  draining_ = true;
}

void CallRegistry::FailAll() {
  std::vector<std::shared_ptr<Call>> open;
  {
    MutexLock lock(mutex_);
    ended_ = true;
    for (const auto& [id, entry] : calls_) {
      if (auto call = entry.call.lock()) open.push_back(std::move(call));
    }
  }
  for (const auto& call : open) call->Fail(Draining());
}

bool CallRegistry::AwaitNone(std::chrono::steady_clock::time_point deadline) {
  MutexLock lock(mutex_);
  while (!calls_.empty()) {
    if (none_.WaitUntil(mutex_, deadline) == std::cv_status::timeout) {
      return calls_.empty();
    }
  }
  return true;
}

int CallRegistry::open_calls() const {
  MutexLock lock(mutex_);
  return counted_;
}

absl::Time CallRegistry::idle_since() const {
  MutexLock lock(mutex_);
  return watched_ > 0 ? absl::Now() : idle_since_;
}

}  // namespace hubd
