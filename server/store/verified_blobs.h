// Which blobs are known to hold the bytes that their digest says.

#ifndef HUBD_SERVER_STORE_VERIFIED_BLOBS_H_
#define HUBD_SERVER_STORE_VERIFIED_BLOBS_H_

#include <sys/stat.h>

#include <map>
#include <string>

#include "server/base/mutex.h"

namespace hubd {

// Remembers files whose bytes were compared, as stat showed them then. Who
// edits one changes what stat shows. Thread-safe; forgets with the process.
class VerifiedBlobs {
 public:
  // The bytes of the file at `path` were compared when stat showed `info`.
  void Note(const std::string& path, const struct stat& info);

  // Whether the file at `path`, of which stat shows `info`, was noted so.
  bool Has(const std::string& path, const struct stat& info) const;

 private:
  mutable Mutex mutex_;
  std::map<std::string, struct stat> noted_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace hubd

#endif  // HUBD_SERVER_STORE_VERIFIED_BLOBS_H_
