// Looks at what an archive left on the disk.

#ifndef HUBD_TESTS_FUZZ_UNPACKED_CHECK_H_
#define HUBD_TESTS_FUZZ_UNPACKED_CHECK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/fetch/unpack_meter.h"
#include "tests/server/base/temp_dir.h"

namespace hubd {

// Small, so that inputs reach them.
inline constexpr ArchiveLimits kFuzzLimits = {
    .max_entries = 40, .max_bytes = 64 << 10, .max_ratio = 200};

// A directory with one empty directory in it, for one archive.
class UnpackedCheck {
 public:
  UnpackedCheck();

  const std::string& dir() const { return dir_; }

  // After success: there is what was counted, and nothing that a tree may not
  // hold. `size_bytes` counts the content of files.
  void CheckUnpacked(int64_t entry_count, int64_t size_bytes) const;

  // The same for a zip, which tells its members and has more folders than that.
  void CheckUnpackedZip(const std::vector<std::string>& members,
                        int64_t size_bytes) const;

  // After a failure: it is the archive's, and fit to be shown.
  void CheckRefused(const absl::Status& status) const;

 private:
  // Nothing lies beside the directory; in it are plain files, folders and links
  // that stay inside, within the limits.
  void CheckDisk() const;

  TempDir parent_;
  const std::string dir_;
};

}  // namespace hubd

#endif  // HUBD_TESTS_FUZZ_UNPACKED_CHECK_H_
