// What the store keeps, as plain values. Times have whole microseconds once
// they were stored.

#ifndef HUBD_SERVER_STORE_OBJECTS_H_
#define HUBD_SERVER_STORE_OBJECTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "server/base/repo.h"

namespace hubd {

// Who could have changed the bytes of a fetch: the daemon's own settings, or
// one user's. Part of every key.
inline constexpr char kSharedDomain[] = "shared";

// The route of a tree that the cache of an original hub had. Nobody knows its
// commit: in its place stand hex digits that the tree itself gives.
inline constexpr char kImportRoute[] = "import";

// The files of one commit.
struct TreeKey {
  std::string domain = kSharedDomain;
  RepoId repo;
  std::string commit;  // 40 hex digits
  // The way the files came: "archive", "git", or kImportRoute.
  std::string route;

  auto operator<=>(const TreeKey&) const = default;
};

// What a tree was in the cache of an original hub.
struct ImportedAs {
  // As its directory was named: "_" for "/".
  std::string ref;
  // When that hub had made it.
  absl::Time as_of;

  bool operator==(const ImportedAs&) const = default;
};

struct TreeObject {
  TreeKey key;
  std::string path;  // absolute directory
  int64_t size_bytes = 0;
  int64_t entry_count = 0;
  absl::Time created_at;
  // What was noticed while it was unpacked, a sentence each.
  std::vector<std::string> warnings;
  // TreeDigest of its files (tree_digest.h); empty where it is not known: an
  // older hubd published it.
  std::string digest;
  // Nobody has shown that the commit is on a branch or tag of the repo, or
  // before one: it may be a fork's.
  bool unproven = false;
  // Of trees of kImportRoute only.
  std::optional<ImportedAs> imported = {};

  bool operator==(const TreeObject&) const = default;
};

// A URL and the blob it gave.
struct CheckpointObject {
  std::string domain = kSharedDomain;
  std::string url;
  std::string sha256;  // 64 hex digits
  std::string path;    // absolute file
  int64_t size_bytes = 0;
  // The origin's words; empty where it had none.
  std::string etag;
  std::string last_modified;
  std::string content_type;
  absl::Time created_at;

  bool operator==(const CheckpointObject&) const = default;
};

// An archive checkpoint, unpacked.
struct UnpackedObject {
  std::string sha256;  // of the archive
  std::string path;    // absolute directory
  // Member names in the archive's order.
  std::vector<std::string> members;
  int64_t size_bytes = 0;
  absl::Time created_at;

  bool operator==(const UnpackedObject&) const = default;
};

// What a remote said about its refs, and when.
struct RefsObject {
  std::string domain = kSharedDomain;
  RepoId repo;
  Advertisement advertisement;
  absl::Time asked_at;
  // Where the remote led on to another repo, whose name that is: the
  // advertisement, which is empty here, is kept under that one.
  std::optional<RepoId> moved_to = {};

  bool operator==(const RefsObject&) const = default;
};

// What a sandboxed job said about a tree's code, for one user.
struct JobResultObject {
  uint32_t uid = 0;
  // Names everything else that it depends on (jobs/result_cache.h).
  std::string key;
  TreeKey tree;
  std::string result;  // any bytes
};

// One decision to let a repo's code run unsandboxed.
struct TrustEntry {
  uint32_t uid = 0;
  RepoId repo;
  // The get_dir() it was made for; empty: all of the caller's.
  std::string hub_dir;
  absl::Time created_at;

  bool operator==(const TrustEntry&) const = default;
};

// One stored thing that is not as it was published.
struct Damage {
  enum class Kind { kTree, kBlob };

  Kind kind = Kind::kTree;
  // "host/owner/name at COMMIT", or a URL that gave the blob.
  std::string name = {};
  std::string path = {};
  // The digest that it should have, and the one that it has; empty where it is
  // gone or cannot be read.
  std::string expected = {};
  std::string actual = {};
  // What is wrong, a sentence.
  std::string problem = {};
  // Whether it, or what told of it, was removed.
  bool removed = false;
  // What there was of it: the tree, or all URLs that had given the blob.
  std::optional<TreeObject> tree = {};
  std::vector<CheckpointObject> checkpoints = {};
  // Of a repair: it is there again; else why not, a sentence.
  bool repaired = false;
  std::string unrepaired = {};
};

// What came of reading stored things.
struct VerifyReport {
  int64_t trees = 0;
  int64_t blobs = 0;
  int64_t bytes = 0;
  // Trees and blobs that were not read, since stat shows no change.
  int64_t unchanged = 0;
  std::vector<Damage> damages;
  // False where there were too many damages to go on.
  bool complete = true;
};

// What became of one thing in the cache of an original hub.
struct ImportEntry {
  enum class Kind { kTree, kCheckpoint, kTrust, kOther };

  Kind kind = Kind::kOther;
  // Below the directory.
  std::string path = {};
  // What it is here: "host/owner/name:ref", a file's name, a repo; empty where
  // that is not known.
  std::string name = {};
  int64_t size_bytes = 0;
  // How it was taken: "reflink", "link", "copy", "added" (trust), or "known":
  // it was there. Empty: it was not.
  std::string how = {};
  // Why not, a sentence.
  std::string problem = {};
};

struct ImportReport {
  int64_t trees = 0;
  int64_t checkpoints = 0;
  int64_t trusted = 0;
  int64_t skipped = 0;
  // Of the trees and checkpoints.
  int64_t size_bytes = 0;
  // In the order of reading; false: there were too many to tell all.
  std::vector<ImportEntry> entries = {};
  bool complete = true;
};

}  // namespace hubd

#endif  // HUBD_SERVER_STORE_OBJECTS_H_
