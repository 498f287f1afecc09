// A root on disk: opened once, locked, recovered; objects are staged in it and
// published whole.
//
// The order of writes is always: stage, fsync, rename the object, fsync its
// directory, rename its record (the commit point), catalog row. After a crash
// at any point a reader sees the whole object or none; recovery removes what no
// record names.

#ifndef HUBD_SERVER_STORE_STORE_H_
#define HUBD_SERVER_STORE_STORE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <stop_token>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/file_digest.h"
#include "server/base/mutex.h"
#include "server/base/unique_fd.h"
#include "server/store/catalog.h"
#include "server/store/layout.h"
#include "server/store/objects.h"
#include "server/store/partial.h"
#include "server/store/verified_blobs.h"

namespace hubd {

// A fresh directory or file below tmp/; removed when it goes, unless it was
// published. Thread-compatible.
class Staging {
 public:
  explicit Staging(std::string path) : path_(std::move(path)) {}
  Staging(Staging&& other) noexcept
      : path_(std::exchange(other.path_, "")), stays_(other.stays_) {}
  ~Staging();

  const std::string& path() const { return path_; }

 private:
  friend class Store;
  std::string path_;
  // It is somebody else's until it is published.
  bool stays_ = false;
};

// Thread-safe. Every call may wait for the disk, unless it says otherwise; a
// full one is DISK_FULL.
// Objects are published in the shared domain only.
class Store {
 public:
  struct Options {
    // Absolute and canonical.
    std::string root;
    // Written into LOCK for those who come second; empty where it is not known
    // yet. Without line breaks.
    std::string socket;
    // Log to the root's log from the moment that LOCK is held.
    bool log_to_file = false;
  };

  // Makes the root where it is missing (0700), checks owner and mode, takes
  // LOCK, checks VERSION, opens the catalog, recovers. A catalog that is
  // missing or broken is made anew from the records; a broken one is kept
  // beside it (index_file.h), and what only it knew is logged. Errors:
  // FAILED_PRECONDITION where another daemon holds the root (HolderOf reads
  // who), where another uid owns it or others can write it (names the fix),
  // where VERSION is newer.
  static absl::StatusOr<std::unique_ptr<Store>> Open(Options options,
                                                     const Clock& clock);
  // Takes over what Open has opened; use Open.
  Store(Layout layout, const Clock& clock, UniqueFd root, UniqueFd lock,
        std::unique_ptr<Catalog> catalog);
  ~Store();

  const Layout& layout() const { return layout_; }
  Catalog& catalog() { return *catalog_; }

  // Writes LOCK and ADDRESS: from here on clients find the daemon. ADDRESS goes
  // with the Store.
  absl::Status PublishAddress(const std::string& socket);

  // Whether the root is still the directory that was opened.
  bool StillThere() const;

  absl::StatusOr<Staging> StageDirectory();
  // An empty file to write, and its descriptor (read and write).
  struct StagedFile {
    Staging staging;
    UniqueFd fd;
  };
  absl::StatusOr<StagedFile> StageFile();

  // What is there of the shared domain's download of `url` from the URL
  // `source`, or a fresh one (Partial::Open).
  absl::StatusOr<Partial> OpenPartial(const std::string& url,
                                      const std::string& source,
                                      const std::stop_token& stop);
  // Removes one, unless somebody has it.
  absl::Status DropPartial(const std::string& url, const std::string& source);
  // Removes the partials that nobody has, nor took up or wrote for longer than
  // `age`; a negative one: all that nobody has.
  absl::StatusOr<PrunedPartials> PrunePartials(absl::Duration age);

  // What the cache takes: all objects, a blob behind several URLs once, and the
  // partials.
  absl::StatusOr<int64_t> UsageBytes();

  // Publishes a staged file as the blob `checkpoint.sha256` (already there and
  // verified: the staged one goes, else it takes its place) and the checkpoint.
  // Fills path and created_at.
  absl::StatusOr<CheckpointObject> PublishCheckpoint(
      Staging staging, CheckpointObject checkpoint);
  // The same for the bytes of a partial, all of which are there; nothing stays
  // of it. Where that fails, or ends suddenly, the partial stays.
  absl::StatusOr<CheckpointObject> PublishPartial(
      Partial partial, const CheckpointObject& checkpoint);
  // The same for bytes that are stored already: a new validator, or the same
  // bytes behind another URL.
  absl::StatusOr<CheckpointObject> RecordCheckpoint(
      CheckpointObject checkpoint);
  // Publishes a staged directory, read-only and synced, as the tree `tree.key`
  // (already there: the staged one goes, the stored object is the answer).
  // Fills path, created_at and digest, for which it reads every byte: CANCELLED
  // soon after the stop.
  absl::StatusOr<TreeObject> PublishTree(Staging staging, TreeObject tree,
                                         const std::stop_token& stop = {});
  // The same for a tree that is stored, whose commit was shown to be the
  // repo's.
  absl::StatusOr<TreeObject> RecordProven(TreeObject tree);
  absl::StatusOr<UnpackedObject> PublishUnpacked(Staging staging,
                                                 UnpackedObject unpacked);
  // Record and row of an answer about refs.
  absl::Status PublishRefs(const RefsObject& refs);

  // Look-ups that also check what stat can tell: that the object is on disk, of
  // the right type and, if it is a blob, of the right size. If not, its record
  // and row are removed and nullopt returned.
  absl::StatusOr<std::optional<TreeObject>> FindTree(const TreeKey& key);
  absl::StatusOr<std::optional<CheckpointObject>> FindCheckpoint(
      const std::string& domain, const std::string& url);
  absl::StatusOr<std::optional<UnpackedObject>> FindUnpacked(
      const std::string& sha256);
  // The same as far as memory says it, hubd's and the kernel's; nullopt: look
  // it up. Waits for nobody.
  std::optional<TreeObject> TreeInMemory(const TreeKey& key);
  std::optional<CheckpointObject> CheckpointInMemory(const std::string& domain,
                                                     const std::string& url);
  // Whether a blob's bytes are known to be those of its digest: this process
  // compared them, and stat sees no change since.
  bool IsVerified(const CheckpointObject& checkpoint) const;
  // The same as far as memory says it; false: look. Waits for nobody.
  bool IsVerifiedInMemory(const CheckpointObject& checkpoint) const;
  // Compares them. DIGEST_MISMATCH where they are others: the blob is then
  // removed, so that nobody else gets it. NOT_FOUND where it is gone, as when
  // somebody else's look removed it. CANCELLED soon after the stop.
  absl::Status Verify(const CheckpointObject& checkpoint,
                      const Reading& how = {});
  // Compares a tree with its digest, which it gets where it has none. Errors as
  // above, naming repo and commit.
  absl::Status VerifyTree(const TreeObject& tree, const Reading& how = {});
  // Whether stat shows no change since one of the two last found all as it
  // should be, be it in an earlier process. False where that cannot be told.
  bool IsUnchanged(const CheckpointObject& checkpoint);
  bool IsUnchanged(const TreeObject& tree, const std::stop_token& stop);
  // Whether a blob is stored.
  bool HasBlob(const std::string& sha256) const;

 private:
  std::string NextStagingPath();
  absl::Time Now() const;
  // To object.path.
  template <class Object>
  absl::Status MoveIn(Staging staging, const Object& object);
  template <class Object>
  absl::Status MoveInDirectory(Staging staging, const Object& object);
  // Whether what is at object.path is as good as what is staged for it.
  template <class Object>
  bool IsAsGood(const Object& object) const;
  // Renames over whatever is at `to`.
  absl::Status Replace(const std::string& from, const std::string& to);
  // Takes away what is at `path`; it goes with what is returned.
  absl::StatusOr<Staging> ClearAway(const std::string& path);
  // A digest, or none, "", of what a local disk cannot read.
  absl::StatusOr<std::string> UnlessLost(
      absl::StatusOr<std::string> digest) const;
  // The same for what was read through `fd` and found damaged, if it is still
  // there; `actual`: its digest.
  absl::Status SetAside(const std::string& path, int fd,
                        const std::string& actual);
  // Gives the partial its bytes back where no record names the blob that they
  // are.
  void PutBack(const Partial& partial, const CheckpointObject& checkpoint);
  // Records that a URL gives the blob, which is there.
  absl::StatusOr<CheckpointObject> NameBlob(CheckpointObject checkpoint);
  // The commit point, then the row.
  template <class Object>
  absl::StatusOr<Object> Commit(Object object);
  template <class Object>
  absl::StatusOr<std::optional<Object>> IfWhole(
      absl::StatusOr<std::optional<Object>> found);
  // Notes how stat showed a thing that was found as it should be.
  void NoteStamp(const std::string& name, const std::string& stamp);
  template <class Object>
  std::optional<Object> IfWholeInMemory(std::optional<Object> found) const;

  const Layout layout_;
  const Clock& clock_;
  const UniqueFd root_;
  const UniqueFd lock_;
  const std::unique_ptr<Catalog> catalog_;
  // All of store/ is, since it is renamed from one directory to another.
  const bool on_local_disk_;
  // Sets this store's staged things apart from those of a store that took the
  // root's place.
  const std::string staging_prefix_;
  std::atomic<int64_t> staged_count_{0};

  // Shared, from when a blob is found or put there until something names it.
  std::shared_mutex naming_mutex_;
  // Between the look whether an object is there and the rename that puts it or
  // takes it away.
  Mutex move_mutex_;
  VerifiedBlobs verified_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_STORE_STORE_H_
