// The index of a root: what is there, and what people decided. SQLite.
//
// What is there can be rebuilt from the records; what people decided (trust) is
// here only, so writes are durable when they return (synchronous=FULL).
//
// Thread-safe. Every call may wait for the disk, unless it says otherwise:
// never on the io thread. Reads borrow a read-only connection each; writes go
// to one writer thread that commits what waits together as one transaction.
//
// Paths are not stored but made from the layout, so that a root can be moved.

#ifndef HUBD_SERVER_STORE_CATALOG_H_
#define HUBD_SERVER_STORE_CATALOG_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/repo.h"
#include "server/store/layout.h"
#include "server/store/objects.h"

namespace hubd {

// One page of a listing.
template <class Object>
struct Page {
  std::vector<Object> objects;
  // For the next call; empty on the last page.
  std::string next_token;
};

class Catalog {
 public:
  // Opens or makes the index and brings it to this version's schema.
  // FAILED_PRECONDITION where a newer hubd wrote it, names both versions;
  // DATA_LOSS where it is damaged or lacks a table: all of it is read.
  static absl::StatusOr<std::unique_ptr<Catalog>> Open(const Layout& layout);
  virtual ~Catalog() = default;

  // DATA_LOSS once damage was met (what the first call that met it said) or the
  // file was removed or replaced: what is written from then on may be lost.
  // Looks at the disk, waits for nobody.
  virtual absl::Status CheckSound() const = 0;

  // The listings take how many to give (0 means 500, and 500 is the most) and
  // the token of the page before, empty for the first. INVALID_ARGUMENT for a
  // token that no listing of this kind gave.

  // nullopt where there is none.
  virtual absl::StatusOr<std::optional<TreeObject>> LookupTree(
      const TreeKey& key) = 0;
  // Here and below: what was looked up lately; nullopt or null may also mean
  // that it is to be looked up. Waits for nobody.
  virtual std::optional<TreeObject> TreeInMemory(const TreeKey& key) = 0;
  virtual absl::Status PutTree(const TreeObject& tree) = 0;
  virtual absl::Status RemoveTree(const TreeKey& key) = 0;
  // Newest first.
  virtual absl::StatusOr<Page<TreeObject>> ListTrees(
      int page_size, const std::string& token) = 0;

  virtual absl::StatusOr<std::optional<CheckpointObject>> LookupCheckpoint(
      const std::string& domain, const std::string& url) = 0;
  virtual std::optional<CheckpointObject> CheckpointInMemory(
      const std::string& domain, const std::string& url) = 0;
  // Replaces what the URL gave before.
  virtual absl::Status PutCheckpoint(const CheckpointObject& checkpoint) = 0;
  virtual absl::Status RemoveCheckpoint(const std::string& domain,
                                        const std::string& url) = 0;
  // Newest first.
  virtual absl::StatusOr<Page<CheckpointObject>> ListCheckpoints(
      int page_size, const std::string& token) = 0;
  // Whether any URL gives this blob.
  virtual absl::StatusOr<bool> HasBlob(const std::string& sha256) = 0;

  virtual absl::StatusOr<std::optional<UnpackedObject>> LookupUnpacked(
      const std::string& sha256) = 0;
  virtual absl::Status PutUnpacked(const UnpackedObject& unpacked) = 0;
  virtual absl::Status RemoveUnpacked(const std::string& sha256) = 0;
  // Newest first.
  virtual absl::StatusOr<Page<UnpackedObject>> ListUnpacked(
      int page_size, const std::string& token) = 0;

  // Null where there is none. Cheap when asked again and again.
  virtual absl::StatusOr<std::shared_ptr<const RefsObject>> LookupRefs(
      const std::string& domain, const RepoId& repo) = 0;
  virtual std::shared_ptr<const RefsObject> RefsInMemory(
      const std::string& domain, const RepoId& repo) = 0;
  virtual absl::Status PutRefs(const RefsObject& refs) = 0;
  // Of whom answers are kept: domain and repo.
  virtual absl::StatusOr<std::vector<std::pair<std::string, RepoId>>>
  ReposWithRefs() = 0;

  // Trees of one repo, of one route unless that is empty, newest first, at most
  // 100.
  virtual absl::StatusOr<std::vector<TreeObject>> TreesOfRepo(
      const std::string& domain, const RepoId& repo,
      const std::string& route) = 0;

  // Sum of the sizes of all objects that are no blobs.
  virtual absl::StatusOr<int64_t> OtherBytes() = 0;

  // What PutStamp kept under this name (schema.h); empty where there is none.
  virtual absl::StatusOr<std::string> LookupStamp(const std::string& name) = 0;
  // Goes with the row of what it is about.
  virtual absl::Status PutStamp(const std::string& name,
                                const std::string& stamp) = 0;

  // What PutJobResult kept for this user under this key.
  virtual absl::StatusOr<std::optional<std::string>> LookupJobResult(
      uint32_t uid, const std::string& key) = 0;
  virtual std::optional<std::string> JobResultInMemory(
      uint32_t uid, const std::string& key) = 0;
  // Replaces what the key had. Goes with its tree's row; of each user the 256
  // put last are kept.
  virtual absl::Status PutJobResult(const JobResultObject& result) = 0;

  // True where the entry was not there before; an entry that is keeps its time.
  virtual absl::StatusOr<bool> AddTrust(const TrustEntry& entry) = 0;
  // How many entries were removed; an empty hub_dir is the general entry.
  virtual absl::StatusOr<int> RemoveTrust(uint32_t uid, const RepoId& repo,
                                          const std::string& hub_dir) = 0;
  virtual absl::StatusOr<int> RemoveAllTrust(uint32_t uid,
                                             const RepoId& repo) = 0;
  // The caller's entry for exactly this hub_dir.
  virtual absl::StatusOr<std::optional<TrustEntry>> LookupTrust(
      uint32_t uid, const RepoId& repo, const std::string& hub_dir) = 0;
  // The caller's entries, by repo and hub_dir; with a hub_dir only those that
  // count there.
  virtual absl::StatusOr<Page<TrustEntry>> ListTrust(
      uint32_t uid, const std::optional<std::string>& hub_dir, int page_size,
      const std::string& token) = 0;
};

}  // namespace hubd

#endif  // HUBD_SERVER_STORE_CATALOG_H_
