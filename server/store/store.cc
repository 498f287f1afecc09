#include "server/store/store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <type_traits>
#include <vector>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/base/digest.h"
#include "server/base/file_digest.h"
#include "server/base/fs.h"
#include "server/base/local_disk.h"
#include "server/base/log.h"
#include "server/base/stat_in_memory.h"
#include "server/base/status.h"
#include "server/store/holder.h"
#include "server/store/object_kind.h"
#include "server/store/record.h"
#include "server/store/recovery.h"
#include "server/store/reserve.h"
#include "server/store/root_directory.h"
#include "server/store/seal.h"
#include "server/store/stamp.h"
#include "server/store/tree_digest.h"
#include "server/store/usage.h"
#include "server/store/way_out.h"

namespace hubd {
namespace {

// Makes the missing directories between `top` and `path`, durably. `top` is
// there.
absl::Status MakeParents(const std::string& top, const std::string& path) {
  if (path == top || IsThere(path)) return absl::OkStatus();
  std::string parent = std::filesystem::path(path).parent_path();
  HUBD_RETURN_IF_ERROR(MakeParents(top, parent));
  HUBD_RETURN_IF_ERROR(MakeDirectories(path, 0755));
  return SyncDirectory(parent);
}

std::string RandomWord() {
  absl::BitGen bits;
  return absl::StrCat(absl::Hex(absl::Uniform<uint64_t>(bits)));
}

}  // namespace

Staging::~Staging() {
  if (path_.empty() || stays_) return;
  // What is left is wiped with tmp/ when the root is opened again.
  (void)RemoveAll(path_);
}

absl::StatusOr<std::unique_ptr<Store>> Store::Open(Options options,
                                                   const Clock& clock) {
  Layout layout(options.root);
  auto open = [&]() -> absl::StatusOr<std::unique_ptr<Store>> {
    HUBD_ASSIGN_OR_RETURN(UniqueFd root, OpenRoot(options.root));
    HUBD_RETURN_IF_ERROR(MakeDirectories(layout.store(), 0755));
    HUBD_ASSIGN_OR_RETURN(UniqueFd lock, TakeLock(layout, options.socket));
    if (options.log_to_file) HUBD_RETURN_IF_ERROR(SetLogFile(layout.log()));
    HUBD_ASSIGN_OR_RETURN(bool fresh, CheckVersion(layout));
    HUBD_RETURN_IF_ERROR(MakeFolders(layout));
    HUBD_ASSIGN_OR_RETURN(std::unique_ptr<Catalog> catalog,
                          OpenAndRecover(layout, fresh, clock.Now()));
    return std::make_unique<Store>(layout, clock, std::move(root),
                                   std::move(lock), std::move(catalog));
  };
  absl::StatusOr<std::unique_ptr<Store>> store;
  (void)Reserve(layout.reserve()).Write([&] {
    store = open();
    return store.status();
  });
  if (!store.ok()) return WithWayOutOfStart(store.status(), layout);
  return store;
}

Store::Store(Layout layout, const Clock& clock, UniqueFd root, UniqueFd lock,
             std::unique_ptr<Catalog> catalog)
    : layout_(std::move(layout)),
      clock_(clock),
      root_(std::move(root)),
      lock_(std::move(lock)),
      catalog_(std::move(catalog)),
      on_local_disk_(IsOnLocalDisk(layout_.store())),
      staging_prefix_(RandomWord()) {}

Store::~Store() {
  // By the descriptor: where the root was replaced, the path is another's.
  ::unlinkat(root_.get(), "store/ADDRESS", 0);
}

absl::Status Store::PublishAddress(const std::string& socket) {
  const absl::Status written =
      Reserve(layout_.reserve()).Write([&]() -> absl::Status {
        HUBD_RETURN_IF_ERROR(WriteHolder(lock_.get(), socket, layout_));
        return WriteFileDurably(layout_.address(), absl::StrCat(socket, "\n"),
                                0600);
      });
  return WithWayOut(written, layout_);
}

bool Store::StillThere() const {
  return LeadsTo(layout_.root(), root_.get()) &&
         LeadsTo(layout_.lock(), lock_.get());
}

std::string Store::NextStagingPath() {
  return absl::StrCat(layout_.tmp(), "/", staging_prefix_, ".",
                      staged_count_++);
}

absl::StatusOr<Staging> Store::StageDirectory() {
  Staging staging(NextStagingPath());
  if (::mkdir(staging.path().c_str(), 0700) == 0) return staging;
  return WithWayOut(
      ErrnoError(errno, absl::StrCat("cannot make ", staging.path())), layout_);
}

absl::StatusOr<Store::StagedFile> Store::StageFile() {
  Staging staging(NextStagingPath());
  UniqueFd fd(::open(staging.path().c_str(),
                     O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (fd.valid()) return StagedFile{std::move(staging), std::move(fd)};
  return WithWayOut(
      ErrnoError(errno, absl::StrCat("cannot make ", staging.path())), layout_);
}

absl::StatusOr<Partial> Store::OpenPartial(const std::string& url,
                                           const std::string& source,
                                           const std::stop_token& stop) {
  absl::StatusOr<Partial> partial =
      Partial::Open(layout_.Partial(kSharedDomain, url, source), source, stop);
  if (!partial.ok()) return WithWayOut(partial.status(), layout_);
  return partial;
}

absl::Status Store::DropPartial(const std::string& url,
                                const std::string& source) {
  return RemovePartial(layout_.Partial(kSharedDomain, url, source));
}

absl::StatusOr<PrunedPartials> Store::PrunePartials(absl::Duration age) {
  return hubd::PrunePartials(layout_.partials(), clock_.Now(), age);
}

absl::StatusOr<int64_t> Store::UsageBytes() {
  return hubd::UsageBytes(layout_, *catalog_);
}

// Where the object is there, the staged one goes: both have the same content.
// The directory is synced then too, since who put it may not have come so far.
template <class Object>
absl::Status Store::MoveIn(Staging staging, const Object& object) {
  const std::string parent = std::filesystem::path(object.path).parent_path();
  HUBD_RETURN_IF_ERROR(MakeParents(layout_.store(), parent));
  {
    MutexLock lock(move_mutex_);
    if (!IsAsGood(object)) {
      HUBD_RETURN_IF_ERROR(Replace(staging.path(), object.path));
      staging.path_.clear();
    }
  }
  return SyncDirectory(parent);
}

template <class Object>
bool Store::IsAsGood(const Object& object) const {
  if constexpr (std::is_same_v<Object, CheckpointObject>) {
    return IsVerified(object);
  } else {
    return IsWhole(object);
  }
}

absl::Status Store::Replace(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
  // A file cannot take a directory's place, nor a directory a file's.
  if (errno == EISDIR || errno == ENOTDIR) {
    HUBD_RETURN_IF_ERROR(ClearAway(to).status());
    if (std::rename(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
  }
  return ErrnoError(errno, absl::StrCat("cannot make ", to));
}

// By a rename, so that who has it open keeps what he has.
absl::StatusOr<Staging> Store::ClearAway(const std::string& path) {
  Staging away(NextStagingPath());
  // Only a directory that its owner can write can be moved into another one.
  if (auto info = LookAt(path); info && S_ISDIR(info->st_mode)) {
    ::chmod(path.c_str(), 0700);
  }
  if (std::rename(path.c_str(), away.path().c_str()) == 0) return away;
  return ErrnoError(errno, absl::StrCat("cannot remove ", path));
}

template <class Object>
absl::Status Store::MoveInDirectory(Staging staging, const Object& object) {
  HUBD_RETURN_IF_ERROR(SealBelow(staging.path()));
  HUBD_RETURN_IF_ERROR(MoveIn(std::move(staging), object));
  return SealTop(object.path);
}

// Whole microseconds, so that record, row and object say the same.
absl::Time Store::Now() const {
  return absl::FromUnixMicros(absl::ToUnixMicros(clock_.Now()));
}

template <class Object>
absl::StatusOr<Object> Store::Commit(Object object) {
  using Kind = ObjectKind<Object>;
  const std::string path = Kind::Record(layout_, object);
  const absl::Status written = Reserve(layout_.reserve()).Write([&] {
    return WriteFileDurably(path, EncodeRecord(object), 0600);
  });
  HUBD_RETURN_IF_ERROR(WithWayOut(written, layout_));
  HUBD_RETURN_IF_ERROR(Kind::Put(*catalog_, object));
  return object;
}

absl::StatusOr<CheckpointObject> Store::PublishCheckpoint(
    Staging staging, CheckpointObject checkpoint) {
  const std::shared_lock naming(naming_mutex_);
  checkpoint.path = layout_.Blob(checkpoint.sha256);
  absl::Status status = SealFile(staging.path());
  if (status.ok()) status = MoveIn(std::move(staging), checkpoint);
  HUBD_RETURN_IF_ERROR(WithWayOut(status, layout_));
  // Its digest was made from the bytes as they came.
  if (auto info = LookAt(checkpoint.path)) {
    verified_.Note(checkpoint.path, *info);
  }
  return NameBlob(std::move(checkpoint));
}

absl::StatusOr<CheckpointObject> Store::PublishPartial(
    Partial partial, const CheckpointObject& checkpoint) {
  HUBD_RETURN_IF_ERROR(partial.Share());
  Staging staging(partial.data_path());
  staging.stays_ = true;
  absl::StatusOr<CheckpointObject> published =
      PublishCheckpoint(std::move(staging), checkpoint);
  if (!published.ok()) {
    PutBack(partial, checkpoint);
    return published;
  }
  if (absl::Status removed = partial.Remove(); !removed.ok()) {
    HUBD_LOG(kWarning) << "event=partial_not_removed error="
                       << LogQuote(removed.message());
  }
  return published;
}

// Where something names it, may do so soon, or cannot be looked at, it stays.
void Store::PutBack(const Partial& partial,
                    const CheckpointObject& checkpoint) {
  const std::unique_lock alone(naming_mutex_, std::try_to_lock);
  const absl::StatusOr<bool> has_row = catalog_->HasBlob(checkpoint.sha256);
  const auto record = ReadRecord<CheckpointObject>(
      layout_, ObjectKind<CheckpointObject>::Record(layout_, checkpoint));
  const bool has_record = record.ok() ? record->sha256 == checkpoint.sha256
                                      : !absl::IsNotFound(record.status());
  if (!alone || !has_row.ok() || *has_row || has_record) return;
  const std::string blob = layout_.Blob(checkpoint.sha256);
  MutexLock lock(move_mutex_);
  if (!LeadsTo(blob, partial.fd())) return;
  (void)std::rename(blob.c_str(), partial.data_path().c_str());
}

absl::StatusOr<CheckpointObject> Store::RecordCheckpoint(
    CheckpointObject checkpoint) {
  const std::shared_lock naming(naming_mutex_);
  return NameBlob(std::move(checkpoint));
}

absl::StatusOr<CheckpointObject> Store::NameBlob(CheckpointObject checkpoint) {
  HUBD_CHECK(checkpoint.domain == kSharedDomain);
  if (!HasBlob(checkpoint.sha256)) {
    return absl::NotFoundError(
        absl::StrCat("blob ", checkpoint.sha256, " is not stored"));
  }
  checkpoint.path = layout_.Blob(checkpoint.sha256);
  checkpoint.created_at = Now();
  return Commit(std::move(checkpoint));
}

absl::StatusOr<TreeObject> Store::PublishTree(Staging staging, TreeObject tree,
                                              const std::stop_token& stop) {
  HUBD_CHECK(tree.key.domain == kSharedDomain);
  HUBD_ASSIGN_OR_RETURN(std::optional<TreeObject> stored, FindTree(tree.key));
  if (stored) return *stored;
  tree.path = layout_.Tree(tree.key);
  tree.created_at = Now();
  HUBD_RETURN_IF_ERROR(
      WithWayOut(MoveInDirectory(std::move(staging), tree), layout_));
  // Of what is there, be it a directory that only lacked its record.
  HUBD_ASSIGN_OR_RETURN(tree.digest, TreeDigest(tree.path, {.stop = stop}));
  // Another fetch of it may have been first meanwhile: its words hold.
  HUBD_ASSIGN_OR_RETURN(stored, FindTree(tree.key));
  if (stored) return *stored;
  return Commit(std::move(tree));
}

absl::StatusOr<TreeObject> Store::RecordProven(TreeObject tree) {
  tree.unproven = false;
  return Commit(std::move(tree));
}

absl::StatusOr<UnpackedObject> Store::PublishUnpacked(Staging staging,
                                                      UnpackedObject unpacked) {
  HUBD_ASSIGN_OR_RETURN(std::optional<UnpackedObject> stored,
                        FindUnpacked(unpacked.sha256));
  if (stored) return *stored;
  unpacked.path = layout_.Unpacked(unpacked.sha256);
  unpacked.created_at = Now();
  HUBD_RETURN_IF_ERROR(
      WithWayOut(MoveInDirectory(std::move(staging), unpacked), layout_));
  return Commit(std::move(unpacked));
}

absl::Status Store::PublishRefs(const RefsObject& refs) {
  HUBD_CHECK(refs.domain == kSharedDomain);
  return Commit(refs).status();
}

template <class Object>
absl::StatusOr<std::optional<Object>> Store::IfWhole(
    absl::StatusOr<std::optional<Object>> found) {
  using Kind = ObjectKind<Object>;
  if (!found.ok() || !found->has_value() || IsWhole(**found)) {
    return found;
  }
  HUBD_RETURN_IF_ERROR(RemoveAll(Kind::Record(layout_, **found)));
  HUBD_RETURN_IF_ERROR(Kind::Remove(*catalog_, **found));
  return std::optional<Object>();
}

absl::StatusOr<std::optional<TreeObject>> Store::FindTree(const TreeKey& key) {
  return IfWhole(catalog_->LookupTree(key));
}

absl::StatusOr<std::optional<CheckpointObject>> Store::FindCheckpoint(
    const std::string& domain, const std::string& url) {
  return IfWhole(catalog_->LookupCheckpoint(domain, url));
}

std::optional<TreeObject> Store::TreeInMemory(const TreeKey& key) {
  return IfWholeInMemory(catalog_->TreeInMemory(key));
}

std::optional<CheckpointObject> Store::CheckpointInMemory(
    const std::string& domain, const std::string& url) {
  return IfWholeInMemory(catalog_->CheckpointInMemory(domain, url));
}

template <class Object>
std::optional<Object> Store::IfWholeInMemory(
    std::optional<Object> found) const {
  // What a server shows may have changed since it was asked.
  if (!found || !on_local_disk_) return std::nullopt;
  const absl::StatusOr<struct stat> info =
      StatInMemory(found->path, Links::kKeep);
  if (!info.ok() || !ObjectKind<Object>::Fits(*found, *info)) {
    return std::nullopt;
  }
  return found;
}

absl::StatusOr<std::optional<UnpackedObject>> Store::FindUnpacked(
    const std::string& sha256) {
  return IfWhole(catalog_->LookupUnpacked(sha256));
}

bool Store::IsVerified(const CheckpointObject& checkpoint) const {
  const std::optional<struct stat> info = LookAt(checkpoint.path);
  return info && verified_.Has(checkpoint.path, *info);
}

bool Store::IsVerifiedInMemory(const CheckpointObject& checkpoint) const {
  if (!on_local_disk_) return false;
  const absl::StatusOr<struct stat> info =
      StatInMemory(checkpoint.path, Links::kKeep);
  return info.ok() && verified_.Has(checkpoint.path, *info);
}

bool Store::IsUnchanged(const CheckpointObject& checkpoint) {
  const std::optional<struct stat> info = LookAt(checkpoint.path);
  if (!info) return false;
  const absl::StatusOr<std::string> known =
      catalog_->LookupStamp(StampName(checkpoint));
  return known.ok() && *known == StampOf(*info);
}

bool Store::IsUnchanged(const TreeObject& tree, const std::stop_token& stop) {
  const absl::StatusOr<std::string> known =
      catalog_->LookupStamp(StampName(tree));
  if (!known.ok() || known->empty()) return false;
  const absl::StatusOr<std::string> stamp = TreeStamp(tree.path, stop);
  return stamp.ok() && *known == *stamp;
}

void Store::NoteStamp(const std::string& name, const std::string& stamp) {
  absl::StatusOr<std::string> known = catalog_->LookupStamp(name);
  if (known.ok() && *known == stamp) return;
  absl::Status noted = catalog_->PutStamp(name, stamp);
  // Without it, it is read again.
  if (!noted.ok()) {
    HUBD_LOG(kWarning) << "event=stamp_not_noted error="
                       << LogQuote(noted.message());
  }
}

absl::StatusOr<std::string> Store::UnlessLost(
    absl::StatusOr<std::string> digest) const {
  // What a server cannot read now it may read later.
  if (on_local_disk_ && absl::IsDataLoss(digest.status())) return "";
  return digest;
}

absl::Status Store::Verify(const CheckpointObject& checkpoint,
                           const Reading& how) {
  const std::string& path = checkpoint.path;
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid() && errno == ENOENT) {
    return absl::NotFoundError(absl::StrCat(path, " was removed"));
  }
  struct stat info;
  if (!fd.valid() || ::fstat(fd.get(), &info) != 0) {
    return ErrnoError(errno, absl::StrCat("cannot open ", path));
  }
  const absl::StatusOr<std::string> hashed =
      UnlessLost(Sha256OfFile(fd.get(), how));
  if (!hashed.ok()) return Annotate(hashed.status(), path);
  const std::string& actual = *hashed;
  if (actual == checkpoint.sha256) {
    verified_.Note(path, info);
    NoteStamp(StampName(checkpoint), StampOf(info));
    return absl::OkStatus();
  }
  HUBD_RETURN_IF_ERROR(SetAside(path, fd.get(), actual));
  const std::string url = RedactUrl(checkpoint.url);
  return DamagedError(absl::StrCat("bytes of ", url), {{"url", url}},
                      checkpoint.sha256, actual);
}

absl::Status Store::VerifyTree(const TreeObject& tree, const Reading& how) {
  UniqueFd fd(::open(tree.path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  // Before: what changes meanwhile has another one later.
  const absl::StatusOr<std::string> stamp = TreeStamp(tree.path, how.stop);
  const absl::StatusOr<std::string> actual =
      UnlessLost(TreeDigest(tree.path, how));
  if (absl::IsNotFound(actual.status())) {
    // Row and record go.
    HUBD_RETURN_IF_ERROR(FindTree(tree.key).status());
  }
  HUBD_RETURN_IF_ERROR(actual.status());
  const bool has_no_digest = tree.digest.empty() && !actual->empty();
  if (has_no_digest) {
    TreeObject with_digest = tree;
    with_digest.digest = *actual;
    HUBD_RETURN_IF_ERROR(Commit(with_digest).status());
  }
  if (has_no_digest || (!actual->empty() && *actual == tree.digest)) {
    if (stamp.ok()) NoteStamp(StampName(tree), *stamp);
    return absl::OkStatus();
  }
  HUBD_RETURN_IF_ERROR(SetAside(tree.path, fd.get(), *actual));
  HUBD_RETURN_IF_ERROR(FindTree(tree.key).status());
  const std::string repo = tree.key.repo.ToString();
  return DamagedError(absl::StrCat("files of ", repo, " at ", tree.key.commit),
                      {{"repo", repo}, {"commit", tree.key.commit}},
                      tree.digest, *actual);
}

absl::Status Store::SetAside(const std::string& path, int fd,
                             const std::string& actual) {
  HUBD_LOG(kError) << "event=damaged path=" << LogQuote(path)
                   << " actual=" << actual;
  // Goes when nobody waits for it.
  std::optional<Staging> taken;
  MutexLock lock(move_mutex_);
  // Somebody may have put a good one there.
  if (!LeadsTo(path, fd)) return absl::OkStatus();
  HUBD_ASSIGN_OR_RETURN(Staging away, ClearAway(path));
  taken.emplace(std::move(away));
  return absl::OkStatus();
}

bool Store::HasBlob(const std::string& sha256) const {
  return IsThere(layout_.Blob(sha256));
}

}  // namespace hubd
