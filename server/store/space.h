// Room on the disk, asked for before anything is written.

#ifndef HUBD_SERVER_STORE_SPACE_H_
#define HUBD_SERVER_STORE_SPACE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/mutex.h"

namespace hubd {

// Gives out the room of one file system: down to the bytes that stay free, up
// to the most that the cache may take. What one has been given and not yet
// written is no room for another. Thread-safe; may wait for the disk.
class Space {
 public:
  struct Options {
    // On the file system. What cannot be told of it counts as room.
    std::string path;
    // Stays free; absent: 2 % of the file system, at most 1 GiB.
    std::optional<int64_t> min_free = {};
    // The most that `usage` may be; absent: no limit.
    std::optional<int64_t> max_bytes = {};
    // What the cache takes. Called only where there is a limit.
    std::function<absl::StatusOr<int64_t>()> usage = {};
  };

  // Somebody's part; what was not written is given back when it goes.
  // Thread-compatible.
  class Reservation {
   public:
    Reservation() = default;
    Reservation(Reservation&& other) noexcept { *this = std::move(other); }
    Reservation& operator=(Reservation&& other) noexcept;
    ~Reservation() { GiveBack(); }

    // Before so many bytes are written: those that were taken before are on the
    // disk. Where they are more than what is left, more is asked for: much at a
    // time. DISK_FULL as Reserve. One that was made by no Space takes all.
    absl::Status Take(int64_t bytes);

   private:
    friend class Space;
    void GiveBack();

    Space* space_ = nullptr;
    bool counted_ = true;
    int64_t left_ = 0;
    int64_t taken_ = 0;
  };

  explicit Space(Options options) : options_(std::move(options)) {}

  // `counted`: whether usage() counts what is written of it while it is there.
  // Room for so many bytes, or DISK_FULL with metadata `need`, and `free` and
  // `min_free`, or `used` and `max_bytes`, all in bytes. The space must outlive
  // it.
  absl::StatusOr<Reservation> Reserve(int64_t bytes, bool counted = true);

 private:
  absl::Status Add(int64_t bytes);
  absl::Status CheckFree(int64_t bytes) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckLimit(int64_t used, int64_t bytes) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Of what was given out so many were written, or are given back.
  void Remove(int64_t bytes);
  void AddUncounted(int64_t bytes);

  const Options options_;
  mutable Mutex mutex_;
  // Given out and not yet written.
  int64_t reserved_ ABSL_GUARDED_BY(mutex_) = 0;
  // Written, and not yet known to usage().
  int64_t uncounted_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace hubd

#endif  // HUBD_SERVER_STORE_SPACE_H_
