// Lock files: read, and then written so that they are read again as the same,
// or refused with a clean reason.

#include <cstdint>

#include "absl/strings/string_view.h"
#include "server/base/status.h"
#include "server/fetch/lock_file.h"
#include "tests/fuzz/clean_text.h"

namespace hubd {
namespace {

void Check(absl::string_view text) {
  const absl::StatusOr<LockFile> lock = LockFile::Parse(text);
  if (!lock.ok()) {
    HUBD_CHECK(ReasonOf(lock.status()) == Reason::kInvalidLock);
    HUBD_CHECK(IsCleanError(lock.status()));
    return;
  }
  const absl::StatusOr<LockFile> again = LockFile::Parse(lock->Format());
  HUBD_CHECK(again.ok());
  HUBD_CHECK(again->repos() == lock->repos());
  HUBD_CHECK(again->checkpoints() == lock->checkpoints());
  for (const LockedRepo& entry : lock->repos()) {
    HUBD_CHECK(*lock->FindRepo({entry.repo, entry.ref}) == entry);
  }
  for (const LockedCheckpoint& entry : lock->checkpoints()) {
    HUBD_CHECK(*lock->FindCheckpoint(entry.url) == entry);
  }
}

}  // namespace
}  // namespace hubd

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  hubd::Check({reinterpret_cast<const char*>(data), size});
  return 0;
}
