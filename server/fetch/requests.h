// What callers ask the fetcher for, and what they get. Values.
//
// A request's `uid` says who asks.

#ifndef HUBD_SERVER_FETCH_REQUESTS_H_
#define HUBD_SERVER_FETCH_REQUESTS_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/base/caller.h"
#include "server/base/caller_environment.h"
#include "server/base/repo.h"
#include "server/fetch/old_names.h"
#include "server/fetch/ref_rules.h"
#include "server/store/objects.h"

namespace hubd {

// Which tree a caller has decided on beforehand.
struct TreePin {
  // How the result calls its ref; never empty in a request.
  std::string ref = {};
  // What the tree must be; empty: whatever it is.
  std::string route = {};
  std::string digest = {};
};

struct TreeRequest {
  // With a pin, its ref is the pinned commit.
  RepoSpec spec;
  DefaultRef default_ref = DefaultRef::kHead;
  // Ask the origin where the ref points even within the answer's time.
  bool refresh = false;
  // Take a full commit that no ref names.
  bool skip_validation = false;
  // No network: from the store, else OFFLINE_MISS.
  bool offline = false;
  std::optional<TreePin> pin = {};
  // Judges a repo of another owner that the name leads to, before anything of
  // it is fetched or delivered; a failed status ends the request. May wait for
  // the disk; called on the disk pool. Empty: every one is taken.
  std::function<absl::Status(const RepoId& moved_to)> admit_moved = {};
  LentEnvironment environment = nullptr;
  uid_t uid = kNobody;

  // Whether what it names is thereby shown to be the repo's own, and no fork's.
  bool proves_commit() const { return !skip_validation || !IsCommit(spec.ref); }
};

struct TreeResult {
  TreeObject tree;
  // What was asked for, as resolved; never empty.
  std::string ref;
  bool cached = false;
  // How old the answer about the ref is, at least a second, where it is older
  // than allowed and the origin was silent; else zero.
  absl::Duration stale_for;
  std::vector<std::string> warnings;
  // As in ResolvedRef, of these warnings.
  bool ambiguous_ref = false;
};

struct CheckpointRequest {
  std::string url;
  // 64 hex digits, a prefix of them, or empty: no check.
  std::string sha256_prefix;
  // Ask the origin whether the bytes changed.
  bool refresh = false;
  // The digest is a lock's: where the store has other bytes, the origin is
  // asked for these.
  bool locked = false;
  bool offline = false;
  // Refuse an HTML page or an empty body.
  bool reject_pages = false;
  // Unpack a zip archive too.
  bool unpack = false;
  // Only the caller's network is used.
  LentEnvironment environment = nullptr;
  uid_t uid = kNobody;
};

struct CheckpointResult {
  CheckpointObject checkpoint;
  // Empty path unless unpack was asked for and the bytes are a zip archive.
  UnpackedObject unpacked;
  bool cached = false;
  std::vector<std::string> warnings;
};

// Which original hub's cache is taken in.
struct ImportRequest {
  // An absolute path.
  std::string directory;
  // Repos that have a tree there whose directory's name does not tell so.
  std::vector<NamedRepo> repos = {};
  // Part of what makes two requests one.
  uid_t uid = kNobody;
  // Records that the user trusts a repo in a get_dir(); false: it was so
  // before. May wait for the disk; called on the fetch pool.
  std::function<absl::StatusOr<bool>(const RepoId& repo,
                                     const std::string& hub_dir)>
      add_trust;
};

// Which stored things are read and compared.
struct VerifyRequest {
  // Its trees only; nullopt: all trees and all blobs.
  std::optional<RepoId> repo = {};
  // How their commit begins; empty: whatever it is.
  std::string commit_prefix = {};
  // Not those of which stat shows no change since they were compared last.
  bool quick = false;
  uid_t uid = kNobody;
};

// Which stored things are read, compared, and fetched again.
struct RepairRequest {
  VerifyRequest verify = {};
  // No network: what is damaged is removed, and not repaired.
  bool offline = false;
  LentEnvironment environment = nullptr;
};

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_REQUESTS_H_
