// What has come of an object, and its digest.

#ifndef HUBD_SERVER_FETCH_CONTENTS_H_
#define HUBD_SERVER_FETCH_CONTENTS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/digest.h"
#include "server/base/mutex.h"
#include "server/fetch/part_plan.h"
#include "server/store/partial.h"
#include "server/store/space.h"

namespace hubd {

// The bytes of one object on their way into its partial. Several streams write,
// each into the span that it has taken; one thread follows behind, which hashes
// what is there without a gap; another has the ledger written now and then.
//
// With a ledger, each part's checksum is noted as its bytes come, and compared
// when they are read back for the digest: a part that the disk does not give
// back as it was written is fetched again. Without one (the origin gives no
// length or no validator) there is one span, and a break costs all of it.
//
// Thread-safe, but for what is said to be the follower's.
class Contents {
 public:
  // A row of bytes that one stream fetches, the next one first.
  struct Span {
    ByteRange rest;
    // Of what has come of the part in which `rest` begins.
    uint32_t crc = 0;
    // Of which beginning it is.
    int64_t generation = 0;
  };

  // Nothing is there, and the partial stays as it is, until one of the next
  // two. All must outlive it.
  Contents(Partial& partial, Space& space, const Clock& clock);

  // Goes on with what the partial's ledger names; of a whole object with all
  // but its last part, whose answer shows that the object is still the same.
  // First of all, if at all. DISK_FULL where there is no room for the rest.
  absl::Status TakeUp();

  // From the first byte again, for a ledger without parts; nullopt: none is
  // kept. Spans that were taken before count no more. Sets room aside for the
  // `expected` bytes (0: not known); DISK_FULL where there is none.
  absl::Status Restart(std::optional<Ledger> ledger, int64_t expected);

  // The next bytes that nobody fetches, see PartPlan::Take. nullopt where there
  // are none. Without a ledger: all, whose end is not known.
  std::optional<Span> Take(int64_t max_bytes);
  // Waits a while where the disk is too slow for what comes. DATA_LOSS for
  // bytes beyond the span's end; DISK_FULL; ABORTED where all has begun anew
  // since the span was taken.
  absl::Status Write(Span& span, absl::string_view bytes);
  void GiveBack(const Span& span);

  // What is known of the object; nullopt: nothing that outlives a break.
  // `parts` is empty.
  std::optional<Ledger> object() const;
  int64_t done_bytes() const;
  // Bytes that nobody fetches.
  int64_t free_bytes() const;
  // How long writes have waited for a ledger that is written, since the last
  // call, all of them together; by the clock.
  absl::Duration TakeWaited();
  // All of the object is there; never so without a ledger.
  bool complete() const;

  // The follower's: hashes what has come without a gap, much of it at most:
  // whether that was all. DATA_LOSS where the disk again and again gives back
  // other bytes than it got; CANCELLED.
  absl::StatusOr<bool> Follow(const std::stop_token& stop);
  // The follower's: whether the digest covers all that is there.
  bool followed() const;
  // Has the ledger name all parts that are there. An error where the bytes are
  // lost, or the partial is; a ledger that cannot be written is logged.
  absl::Status Save();
  // Whether much is there that the ledger does not name.
  bool IsSaveDue() const;
  // The follower's: the digest of all that was followed. Ends it.
  std::string FinishDigest() { return hasher_.Finish(); }
  // The follower's, after the last stream: keeps what the ledger can name and
  // gives back the other room. Without a ledger the partial is removed.
  void Keep();

 private:
  struct Piece;

  absl::Status SetAside(int64_t missing, int64_t size);
  void Begin(std::optional<Ledger> ledger)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  int64_t Frontier() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Piece NextPiece() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status FollowPiece(const Piece& piece, char* buffer);
  absl::Status EndPart(const Piece& piece);
  // Gives back the room of all but whole parts.
  absl::Status DropUnfinished();
  absl::Status Forget(int part) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What the ledger does not name; how much of it is much.
  int64_t UnsavedBytes() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  int64_t DueBytes() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool MustAwaitSave() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AwaitSave();
  // Adds up the waits until now; from here on so many more writes wait.
  void CountWaits(int more) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Ledger Snapshot() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Held for as long as the ledger is written, or all begins anew. Before
  // mutex_.
  Mutex disk_mutex_;
  Partial& partial_;
  const int fd_;
  Space& space_;
  const Clock& clock_;

  // Held for each write: the kernel lets one at a time into a file, and who
  // waits there spins. After disk_mutex_, never with mutex_.
  Mutex write_mutex_;
  // Room that is not set aside on the disk.
  Space::Reservation room_ ABSL_GUARDED_BY(write_mutex_);

  mutable Mutex mutex_;
  int64_t generation_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<Ledger> object_ ABSL_GUARDED_BY(mutex_);
  std::optional<PartPlan> plan_ ABSL_GUARDED_BY(mutex_);
  // Of each part of which something is there.
  std::map<int64_t, uint32_t> crcs_ ABSL_GUARDED_BY(mutex_);
  // What was there when the ledger was last written; whether it is being
  // written.
  int64_t saved_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool saving_ ABSL_GUARDED_BY(mutex_) = false;
  CondVar saved_;
  // Writes that wait for the ledger; how long all have together, since
  // TakeWaited and until when it was last added up.
  int waiting_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Duration waited_ ABSL_GUARDED_BY(mutex_);
  absl::Time counted_at_ ABSL_GUARDED_BY(mutex_);
  // Without a plan: what has come, and whether somebody fetches.
  int64_t streamed_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool streaming_ ABSL_GUARDED_BY(mutex_) = false;
  // How often each part was damaged.
  std::map<int, int> damages_ ABSL_GUARDED_BY(mutex_);

  // The follower's.
  int64_t followed_generation_ = 0;
  int64_t followed_bytes_ = 0;
  uint32_t crc_ = 0;
  Hasher hasher_;
  // As it was where the part that is followed begins.
  Hasher before_part_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_CONTENTS_H_
