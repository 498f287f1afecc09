// The bytes of a download that has not ended, kept across the daemon's end.
//
// store/partial/KEY/ holds `data`, as long as the object or shorter, with bytes
// at their places, and `ledger`, which says which parts of it are good. Write
// order: bytes, fdatasync, then the ledger by a rename: a part that the ledger
// names was on the disk before. Who takes it up compares its CRC-32C, since a
// machine may lose what a disk said it had.

#ifndef HUBD_SERVER_STORE_PARTIAL_H_
#define HUBD_SERVER_STORE_PARTIAL_H_

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/unique_fd.h"
#include "server/store/ledger.h"

namespace hubd {

// Thread-compatible. UNAVAILABLE, of all that changes it, where somebody has
// put another one in its place.
class Partial {
 public:
  // Takes up or makes the partial in `directory`, which is made if it is not
  // there. ABORTED where somebody has it: it is locked until it goes. Data
  // beyond the object's end is cut, and parts that it is too short for are
  // dropped. A ledger that cannot be read, or is about another URL, counts as
  // none. CANCELLED soon after the stop.
  static absl::StatusOr<Partial> Open(std::string directory,
                                      const std::string& url,
                                      const std::stop_token& stop);

  Partial(Partial&&) noexcept = default;
  Partial& operator=(Partial&&) noexcept = default;

  // What is there; nullopt: nothing.
  const std::optional<Ledger>& ledger() const { return ledger_; }
  // To read and write the bytes.
  int fd() const { return fd_.get(); }
  const std::string& directory() const { return directory_; }
  // Where they are.
  std::string data_path() const;

  // Forgets what is there and begins anew: no bytes, no ledger.
  absl::Status Restart();

  // Syncs the bytes, then replaces the ledger. Where the disk does not take the
  // bytes the ledger stays as it is from then on: it says so once and then no
  // more.
  absl::Status Save(Ledger ledger);

  // Gives back the room of all but the parts of `kept`.
  absl::Status Trim(const Ledger& kept);

  // Whether the disk did not take the bytes.
  bool lost_bytes() const { return lost_bytes_; }

  // Before the bytes become an object: from here on they can be leased (see
  // Lease), while the partial is nobody else's, as before. UNAVAILABLE where it
  // is not what lies at its path any more.
  absl::Status Share();

  // Removes all of it, but for what was renamed away.
  absl::Status Remove();

 private:
  Partial(std::string directory, UniqueFd fd)
      : directory_(std::move(directory)), fd_(std::move(fd)) {}

  // Whether it is still what lies at its path.
  absl::Status CheckThere() const;

  std::string directory_;
  UniqueFd fd_;
  std::optional<Ledger> ledger_;
  bool lost_bytes_ = false;
};

// What became of many partials. Bytes are those that they take on the disk.
struct PrunedPartials {
  int64_t removed = 0;
  int64_t removed_bytes = 0;
  // Somebody has them.
  int64_t in_use = 0;
  int64_t in_use_bytes = 0;
};

// Removes the partial in `directory`, if there is one that nobody has.
absl::Status RemovePartial(const std::string& directory);

// Which files of a partial are in `directory`.
struct PartialFiles {
  bool data = false;
  bool ledger = false;
};
PartialFiles FilesOfPartial(const std::string& directory);

// After a sudden end while it was published: puts the file at `path` back as
// the data of the partial in `directory`, if it can be that: the ledger names
// all parts, and the length is right, and the first part's checksum. Whether it
// did.
bool PutBackData(const std::string& path, const std::string& directory);

// After a sudden end: gives back the room of what nobody can go on with, in a
// partial that nobody has.
absl::Status TrimPartial(const std::string& directory);

// Removes the partials in `directory` that nobody has, and that were last taken
// up or written longer ago than `age`; trims the others. One that cannot be
// removed keeps none of the others; the first error is the answer.
absl::StatusOr<PrunedPartials> PrunePartials(const std::string& directory,
                                             absl::Time now,
                                             absl::Duration age);

// What the partials in `directory` take on the disk.
absl::StatusOr<int64_t> PartialBytes(const std::string& directory);

}  // namespace hubd

#endif  // HUBD_SERVER_STORE_PARTIAL_H_
