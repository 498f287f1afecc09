// hubd.lock: which commits and bytes a project uses. A small TOML file.
//
// `version = 1`, then any number of two tables:
//
//   [[repo]] has
//     repo = "github.com/owner/name",
//     ref = "main": the ref that was locked,
//     default = true: it was locked by naming no ref; false where left out,
//     commit = "...": 40 hex digits,
//     route = "archive": which way the files came, which decides what they are,
//     digest = "...": the tree's (store/tree_digest.h), 64 hex digits.
//
//   [[checkpoint]] has
//     url = "https://...",
//     sha256 = "...": 64 hex digits.
//
// No other keys, no repo twice with the same ref, no URL twice with different
// digests (URLs that differ by their signature only are one). Here is all
// that knows the format: the daemon reads it, hubctl writes it. toml++ is used
// in lock_file.cc only.

#ifndef HUBD_SERVER_FETCH_LOCK_FILE_H_
#define HUBD_SERVER_FETCH_LOCK_FILE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/repo.h"

namespace hubd {

struct LockedRepo {
  RepoId repo;
  std::string ref;
  bool is_default = false;
  std::string commit;
  std::string route;
  std::string digest;

  bool operator==(const LockedRepo&) const = default;
};

struct LockedCheckpoint {
  // Its identity (net/url_identity.h): a lock holds no signature.
  std::string url;
  std::string sha256;

  bool operator==(const LockedCheckpoint&) const = default;
};

// A value; empty at first.
class LockFile {
 public:
  // A longer one is not read.
  static constexpr size_t kMaxBytes = 1 << 20;

  // INVALID_LOCK, naming line and reason.
  static absl::StatusOr<LockFile> Parse(absl::string_view text);

  // The text that Parse takes, sorted.
  std::string Format() const;

  // Sorted by repo and ref; by URL.
  const std::vector<LockedRepo>& repos() const { return repos_; }
  const std::vector<LockedCheckpoint>& checkpoints() const {
    return checkpoints_;
  }

  // Adds an entry or replaces the one of the same repo and ref; one that is the
  // default also the repo's default.
  void Put(LockedRepo entry);
  // Adds an entry or replaces the one of the same URL.
  void Put(LockedCheckpoint entry);

  // The entry for what a user typed: that of the ref; without one, the default
  // or the repo's only entry; for a full commit, one of that commit. NOT_LOCKED
  // names what is locked instead and the command that adds it.
  absl::StatusOr<LockedRepo> FindRepo(const RepoSpec& typed) const;
  // NOT_LOCKED likewise.
  absl::StatusOr<LockedCheckpoint> FindCheckpoint(const std::string& url) const;

 private:
  std::vector<LockedRepo> repos_;
  std::vector<LockedCheckpoint> checkpoints_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_LOCK_FILE_H_
