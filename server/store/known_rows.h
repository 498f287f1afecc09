// Rows that were read lately. Most calls are about what was asked for before,
// and a query costs more than the rest of their answer.

#ifndef HUBD_SERVER_STORE_KNOWN_ROWS_H_
#define HUBD_SERVER_STORE_KNOWN_ROWS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "absl/status/statusor.h"
#include "server/base/mutex.h"

namespace hubd {

// Thread-safe. Holds rows that are there, never that one is not. All are
// dropped at every write, and where there would be more than `max_rows`: both
// are rare, and reading a row again is cheap.
template <class Value>
class KnownRows {
 public:
  explicit KnownRows(size_t max_rows) : max_rows_(max_rows) {}

  // The row under `key`, else what `read` gives, which is called without a
  // lock.
  template <class Read>
  absl::StatusOr<std::optional<Value>> Get(const std::string& key, Read read) {
    int64_t writes = 0;
    {
      MutexLock lock(mutex_);
      auto found = rows_.find(key);
      if (found != rows_.end()) return std::optional<Value>(found->second);
      writes = writes_;
    }
    absl::StatusOr<std::optional<Value>> row = read();
    if (!row.ok() || !row->has_value()) return row;
    MutexLock lock(mutex_);
    // What was read may be from before the write.
    if (writes != writes_) return row;
    if (rows_.size() >= max_rows_) rows_.clear();
    rows_.emplace(key, **row);
    return row;
  }

  // The same as far as it is held. Never calls `read`.
  std::optional<Value> Find(const std::string& key) const {
    MutexLock lock(mutex_);
    auto found = rows_.find(key);
    if (found == rows_.end()) return std::nullopt;
    return found->second;
  }

  // To be called after every write, before anybody is told of it.
  void Clear() {
    MutexLock lock(mutex_);
    ++writes_;
    rows_.clear();
  }

 private:
  const size_t max_rows_;
  mutable Mutex mutex_;
  int64_t writes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::unordered_map<std::string, Value> rows_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace hubd

#endif  // HUBD_SERVER_STORE_KNOWN_ROWS_H_
