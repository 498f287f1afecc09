// Answers about refs that were read or written lately, as they are in the
// index: a large one takes milliseconds to be taken apart again.

#ifndef HUBD_SERVER_STORE_KNOWN_REFS_H_
#define HUBD_SERVER_STORE_KNOWN_REFS_H_

#include <cstdint>
#include <list>
#include <memory>
#include <string>

#include "server/base/mutex.h"
#include "server/base/repo.h"
#include "server/store/objects.h"

namespace hubd {

// Thread-safe. Keeps what takes at most `max_bytes` in all, those used last.
class KnownRefs {
 public:
  explicit KnownRefs(size_t max_bytes = 32 << 20) : max_bytes_(max_bytes) {}

  // Null where it is not kept. Shared with who reads it when it is replaced.
  std::shared_ptr<const RefsObject> Find(const std::string& domain,
                                         const RepoId& repo);

  // Grows with every write. A reader takes it before it reads.
  int64_t generation() const;

  // Keeps what was read, unless there was a write since.
  void NoteRead(std::shared_ptr<const RefsObject> refs, int64_t generation);
  // Keeps what was written, in place of what was kept.
  void NoteWritten(std::shared_ptr<const RefsObject> refs);

 private:
  struct Kept {
    std::shared_ptr<const RefsObject> refs;
    size_t bytes = 0;
  };

  static Kept Weigh(std::shared_ptr<const RefsObject> refs);
  void Keep(Kept kept) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t max_bytes_;
  mutable Mutex mutex_;
  // The one used last is in front.
  std::list<Kept> kept_ ABSL_GUARDED_BY(mutex_);
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t generation_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace hubd

#endif  // HUBD_SERVER_STORE_KNOWN_REFS_H_
