// The calls that are open.

#ifndef HUBD_SERVER_RPC_CALL_REGISTRY_H_
#define HUBD_SERVER_RPC_CALL_REGISTRY_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/base/caller.h"
#include "server/base/mutex.h"

namespace hubd {

// One open call, as the registry sees it. Thread-safe.
class Call {
 public:
  virtual ~Call() = default;
  // Ends the call with this status, unless its end is under way.
  virtual void Fail(const absl::Status& status) = 0;
};

// What the log says of a call.
struct CallInfo {
  std::string method = "";
  Caller caller = {};
  // The descriptor of the connection, which is open as long as the call is; -1
  // where it is not known.
  int connection = -1;
  // "repo=..." or the like; may be empty. Holds no secret.
  std::string subject = "";
  // A call without an end of its own: no drain waits for it, and it is let in
  // while draining.
  bool background = false;
  // Of these: a reason to stay awake.
  bool watched = false;
};

// Knows every open call, writes one log line at the end of each, turns new ones
// away while the daemon drains, cuts connections that have too many, ends all.
// Thread-safe.
class CallRegistry {
 public:
  // Calls open over one connection. Who asks and does not read has more and
  // more, since a call stays open until its answer is written.
  static constexpr int kMaxPerConnection = 2000;

  CallRegistry();

  // Notes a call; Close must follow. A call that may not be is failed with
  // DRAINING, and still noted. The connection of one call too many is shut.
  uint64_t Open(const std::shared_ptr<Call>& call, CallInfo info);

  // Notes a call's end and what came of it.
  void Close(uint64_t id, const absl::Status& outcome);

  // From here on, calls other than background ones are turned away.
  void BeginDrain();

  // Ends all calls, and at once all that come.
  void FailAll();

  // Waits until no call is open, but not beyond the deadline; false: some are.
  bool AwaitNone(std::chrono::steady_clock::time_point deadline);

  // How many calls are open, without background ones.
  int open_calls() const;

  // When the last of these ended, or the last that is watched; now where one
  // such is open; at first: when the registry was made.
  absl::Time idle_since() const;

 private:
  struct Entry {
    std::weak_ptr<Call> call;
    CallInfo info;
    absl::Time opened_at;
  };

  mutable Mutex mutex_;
  CondVar none_;
  uint64_t next_id_ ABSL_GUARDED_BY(mutex_) = 1;
  std::map<uint64_t, Entry> calls_ ABSL_GUARDED_BY(mutex_);
  int counted_ ABSL_GUARDED_BY(mutex_) = 0;
  int watched_ ABSL_GUARDED_BY(mutex_) = 0;
  // Open calls of each connection.
  std::map<int, int> by_connection_ ABSL_GUARDED_BY(mutex_);
  absl::Time idle_since_ ABSL_GUARDED_BY(mutex_);
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace hubd

#endif  // HUBD_SERVER_RPC_CALL_REGISTRY_H_
