#include "server/fetch/import_operation.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "server/base/beneath.h"
#include "server/base/digest.h"
#include "server/base/expected_hash.h"
#include "server/base/fs.h"
#include "server/base/log.h"
#include "server/base/status.h"
#include "server/base/unique_fd.h"
#include "server/fetch/file_intake.h"
#include "server/fetch/folder_copy.h"
#include "server/fetch/imported_checkpoint.h"
#include "server/fetch/member_path.h"
#include "server/fetch/old_names.h"
#include "server/store/tree_digest.h"

namespace hubd {
namespace {

constexpr size_t kMaxNames = 1 << 20;
constexpr int64_t kMaxTrustList = 1 << 20;
constexpr char kHub[] = "hub";
constexpr char kCheckpoints[] = "checkpoints";
constexpr char kSerialized[] = "serialized";
constexpr char kTrustedList[] = "trusted_list";
constexpr char kHubconf[] = "hubconf.py";

using Kind = ImportEntry::Kind;

absl::Status Skip(absl::string_view why) {
  return absl::FailedPreconditionError(why);
}

// Whether this ends the import, and not only one of its things.
bool EndsAll(const absl::Status& status) {
  return absl::IsCancelled(status) || ReasonOf(status) == Reason::kDiskFull;
}

// What others could have put there is not theirs to have trusted here.
absl::Status CheckOwner(const struct stat& info) {
  if (info.st_uid != ::geteuid() && info.st_uid != 0) {
    return Skip(absl::StrCat("it belongs to another user, uid ", info.st_uid));
  }
  if ((info.st_mode & S_IWOTH) != 0) return Skip("everybody can write it");
  return absl::OkStatus();
}

// The same of what is open, whatever was looked at before.
absl::Status CheckOwner(const UniqueFd& fd) {
  struct stat info;
  if (::fstat(fd.get(), &info) != 0) {
    return ErrnoError(errno, "cannot look at it");
  }
  return CheckOwner(info);
}

// Tells one state of a file from another.
std::string ValidatorOf(const struct stat& info) {
  return absl::StrCat(info.st_dev, "-", info.st_ino, "-", info.st_size, "-",
                      info.st_mtim.tv_sec, ".", info.st_mtim.tv_nsec);
}

// What stands in the place of a commit. With the ref, since the same files may
// have been there under two.
std::string CommitOf(const std::string& ref, const std::string& digest) {
  return Sha256Hex(absl::StrCat("hubd import 1\n", ref, "\n", digest))
      .substr(0, 40);
}

class Importer {
 public:
  Importer(const FetchContext& context, const ImportRequest& request,
           FlightTable::Context& flight)
      : context_(context),
        store_(context.parts.store),
        request_(request),
        flight_(flight) {
    progress_.phase = Progress::Phase::kImporting;
  }

  absl::StatusOr<ImportReport> Run() {
    // Through links, as a path that the user named: from here on there are
    // none.
    top_ = UniqueFd(
        ::open(request_.directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!top_.valid()) return CannotOpen();
    const std::optional<struct stat> hub = LookAt(kHub);
    const bool is_home = hub && S_ISDIR(hub->st_mode);
    hub_ = is_home ? absl::StrCat(kHub, "/") : "";
    HUBD_RETURN_IF_ERROR(TakeTrees());
    HUBD_RETURN_IF_ERROR(TakeTrust());
    HUBD_RETURN_IF_ERROR(TakeCheckpoints(hub_ + kCheckpoints));
    if (is_home) {
      HUBD_RETURN_IF_ERROR(TakeCheckpoints(kCheckpoints));
      HUBD_RETURN_IF_ERROR(TakeCheckpoints(kSerialized));
    }
    return std::move(report_);
  }

 private:
  absl::Status CannotOpen() const {
    const std::string& path = request_.directory;
    if (errno == ENOENT) {
      return absl::NotFoundError(absl::StrCat("there is no ", path));
    }
    if (errno == ENOTDIR) {
      return absl::FailedPreconditionError(
          absl::StrCat(path, " is no directory"));
    }
    return ErrnoError(errno, absl::StrCat("cannot open ", path));
  }

  // Of what is there, be it a link; nullopt: nothing is, or it cannot be
  // looked at.
  std::optional<struct stat> LookAt(const std::string& path) const {
    const UniqueFd fd =
        OpenBeneath(top_.get(), path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat info;
    if (!fd.valid() || ::fstat(fd.get(), &info) != 0) return std::nullopt;
    return info;
  }

  // Notes what became of a thing. An error only where all is to end.
  absl::Status Note(ImportEntry entry, const absl::Status& status) {
    if (EndsAll(status)) {
      return Annotate(status, absl::StrCat("cannot take in ", entry.path, " (",
                                           entry.size_bytes, " bytes)"));
    }
    const bool taken = status.ok();
    size_t& told = taken ? told_taken_ : told_skipped_;
    if (taken) {
      CountTaken(entry);
    } else {
      ++report_.skipped;
      entry.how.clear();
      entry.problem = std::string(status.message());
    }
    if (++told <= kMaxTold) {
      report_.entries.push_back(std::move(entry));
    } else {
      report_.complete = false;
    }
    return flight_.stop().stop_requested() ? absl::CancelledError("stopped")
                                           : absl::OkStatus();
  }

  void CountTaken(const ImportEntry& entry) {
    report_.size_bytes += entry.size_bytes;
    if (entry.kind == Kind::kTree) ++report_.trees;
    if (entry.kind == Kind::kCheckpoint) ++report_.checkpoints;
    if (entry.kind == Kind::kTrust) ++report_.trusted;
  }

  void Begin(const std::string& path) {
    progress_.subject = path;
    flight_.Report(progress_);
  }

  std::function<void(int64_t)> Reporter() {
    return [this](int64_t bytes) {
      progress_.done_bytes += bytes;
      flight_.Report(progress_);
    };
  }

  absl::Status TakeTrees() {
    const std::set<std::string> others = {kHub, kCheckpoints, kSerialized,
                                          kTrustedList, "store"};
    absl::StatusOr<std::vector<std::string>> names =
        ListBeneath(top_.get(), hub_.empty() ? "." : kHub, kMaxNames);
    HUBD_RETURN_IF_ERROR(Annotate(names.status(), request_.directory));
    for (const std::string& name : *names) {
      if (others.contains(name)) continue;
      ImportEntry entry{.path = hub_ + name};
      Begin(entry.path);
      const absl::Status status = TakeTree(name, entry);
      HUBD_RETURN_IF_ERROR(Note(std::move(entry), status));
    }
    return absl::OkStatus();
  }

  // When the original made the tree that is at entry.path, if one is.
  absl::StatusOr<absl::Time> CheckTree(const ImportEntry& entry) const {
    const std::optional<struct stat> info = LookAt(entry.path);
    if (!info) return ErrnoError(errno, "cannot look at it");
    if (S_ISLNK(info->st_mode)) return Skip("it is a link: none is followed");
    const std::optional<struct stat> hubconf =
        S_ISDIR(info->st_mode) ? LookAt(absl::StrCat(entry.path, "/", kHubconf))
                               : std::nullopt;
    if (!hubconf) return Skip("it is nothing that a hub keeps");
    HUBD_RETURN_IF_ERROR(CheckOwner(*info));
    const UniqueFd folder =
        OpenBeneath(top_.get(), entry.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (!folder.valid()) return ErrnoError(errno, "cannot open it");
    const UniqueFd inside = OpenBeneath(folder.get(), kHubconf,
                                        O_PATH | O_CLOEXEC, RESOLVE_BENEATH);
    struct stat file;
    if (!inside.valid() || ::fstat(inside.get(), &file) != 0 ||
        !S_ISREG(file.st_mode)) {
      return Skip("its hubconf.py is no file in it, as in what hubd shows");
    }
    // Records have no times of before year 1.
    return std::clamp(absl::FromUnixSeconds(hubconf->st_mtim.tv_sec),
                      absl::UnixEpoch(), context_.parts.clock.Now());
  }

  absl::Status TakeTree(const std::string& name, ImportEntry& entry) {
    HUBD_ASSIGN_OR_RETURN(const absl::Time as_of, CheckTree(entry));
    entry.kind = Kind::kTree;
    HUBD_ASSIGN_OR_RETURN(RepoSpec spec, ReadTreeName(name, request_.repos));
    entry.name = absl::StrCat(spec.id.ToString(), ":", spec.ref);
    const UniqueFd folder =
        OpenBeneath(top_.get(), entry.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (!folder.valid()) return ErrnoError(errno, "cannot open it");
    HUBD_RETURN_IF_ERROR(CheckOwner(folder));
    HUBD_ASSIGN_OR_RETURN(Staging staging, store_.StageDirectory());
    HUBD_ASSIGN_OR_RETURN(Space::Reservation room,
                          context_.parts.space.Reserve(0, /*counted=*/false));
    HUBD_ASSIGN_OR_RETURN(
        UnpackedTree copied,
        CopyFolder(folder.get(), staging.path(), context_.options.tree_limits,
                   Reporter(), flight_.stop(), std::move(room)));
    entry.size_bytes = copied.size_bytes;
    HUBD_ASSIGN_OR_RETURN(const std::string digest,
                          TreeDigest(staging.path(), {.stop = flight_.stop()}));
    TreeObject tree;
    tree.key = {kSharedDomain, spec.id, CommitOf(spec.ref, digest),
                kImportRoute};
    tree.size_bytes = copied.size_bytes;
    tree.entry_count = copied.entry_count;
    tree.warnings = std::move(copied.warnings);
    tree.imported = {spec.ref, as_of};
    HUBD_ASSIGN_OR_RETURN(const std::optional<TreeObject> known,
                          store_.FindTree(tree.key));
    entry.how = known ? "known" : "copy";
    if (known) return absl::OkStatus();
    return store_
        .PublishTree(std::move(staging), std::move(tree), flight_.stop())
        .status();
  }

  absl::Status TakeTrust() {
    const std::string path = hub_ + kTrustedList;
    const std::optional<struct stat> info = LookAt(path);
    if (!info) return absl::OkStatus();
    absl::StatusOr<std::string> text = ReadTrustList(path, *info);
    if (!text.ok()) {
      return Note({.kind = Kind::kTrust, .path = path}, text.status());
    }
    std::set<std::string> seen;
    for (const absl::string_view raw : absl::StrSplit(*text, '\n')) {
      const std::string line(absl::StripAsciiWhitespace(raw));
      if (line.empty() || !seen.insert(line).second) continue;
      ImportEntry entry{.kind = Kind::kTrust,
                        .path = absl::StrCat(path, ": ", ShownName(line))};
      const absl::Status status = AddTrust(line, entry);
      HUBD_RETURN_IF_ERROR(Note(std::move(entry), status));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> ReadTrustList(const std::string& path,
                                            const struct stat& info) const {
    if (!S_ISREG(info.st_mode)) return Skip("it is no file");
    HUBD_RETURN_IF_ERROR(CheckOwner(info));
    const UniqueFd fd =
        OpenBeneath(top_.get(), path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (!fd.valid()) return ErrnoError(errno, "cannot open it");
    HUBD_RETURN_IF_ERROR(CheckOwner(fd));
    return ReadFile(absl::StrCat("/proc/self/fd/", fd.get()), kMaxTrustList);
  }

  absl::Status AddTrust(const std::string& line, ImportEntry& entry) const {
    HUBD_ASSIGN_OR_RETURN(const RepoId repo, ReadTrustLine(line));
    entry.name = repo.ToString();
    const std::string hub_dir =
        hub_.empty() ? request_.directory
                     : absl::StrCat(request_.directory, "/", kHub);
    HUBD_ASSIGN_OR_RETURN(const bool added, request_.add_trust(repo, hub_dir));
    entry.how = added ? "added" : "known";
    return absl::OkStatus();
  }

  absl::Status TakeCheckpoints(const std::string& folder) {
    const std::optional<struct stat> info = LookAt(folder);
    if (!info) return absl::OkStatus();
    if (!S_ISDIR(info->st_mode)) {
      return Note({.path = folder},
                  Skip(S_ISLNK(info->st_mode) ? "it is a link: none is followed"
                                              : "it is no folder"));
    }
    absl::StatusOr<std::vector<std::string>> names =
        ListBeneath(top_.get(), folder, kMaxNames);
    if (!names.ok()) return Note({.path = folder}, names.status());
    for (const std::string& name : *names) {
      ImportEntry entry{.kind = Kind::kCheckpoint,
                        .path = absl::StrCat(folder, "/", name)};
      Begin(entry.path);
      const absl::Status status = TakeCheckpoint(name, entry);
      HUBD_RETURN_IF_ERROR(Note(std::move(entry), status));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<UniqueFd> OpenCheckpoint(const std::string& name,
                                          const ImportEntry& entry) const {
    const std::optional<struct stat> found = LookAt(entry.path);
    if (!found) return ErrnoError(errno, "cannot look at it");
    if (S_ISDIR(found->st_mode)) {
      return Skip("it is a folder: what a zip unpacks to is made again");
    }
    if (S_ISLNK(found->st_mode)) return Skip("it is a link: none is followed");
    if (!S_ISREG(found->st_mode)) return Skip("it is no file");
    HUBD_RETURN_IF_ERROR(CheckOwner(*found));
    if (absl::EndsWith(name, ".partial")) {
      return Skip("it is a download that did not come to its end");
    }
    if (!IsCheckpointName(name)) return Skip("no URL ends with its name");
    UniqueFd fd =
        OpenBeneath(top_.get(), entry.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (!fd.valid()) return ErrnoError(errno, "cannot open it");
    HUBD_RETURN_IF_ERROR(CheckOwner(fd));
    return fd;
  }

  absl::Status TakeCheckpoint(const std::string& name, ImportEntry& entry) {
    HUBD_ASSIGN_OR_RETURN(const UniqueFd fd, OpenCheckpoint(name, entry));
    struct stat info;
    if (::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
      return Skip("it changed while it was looked at");
    }
    entry.name = name;
    entry.size_bytes = info.st_size;
    CheckpointObject checkpoint;
    checkpoint.url = ImportUrl(name);
    checkpoint.etag = ValidatorOf(info);
    checkpoint.size_bytes = info.st_size;
    HUBD_ASSIGN_OR_RETURN(const std::optional<CheckpointObject> known,
                          store_.FindCheckpoint(kSharedDomain, checkpoint.url));
    entry.how = "known";
    if (known && known->etag == checkpoint.etag) return absl::OkStatus();
    HUBD_ASSIGN_OR_RETURN(Space::Reservation room,
                          context_.parts.space.Reserve(0, /*counted=*/false));
    absl::StatusOr<TakenFile> taken = TakeFile(
        store_, fd.get(),
        [&](const std::string& sha256) {
          checkpoint.sha256 = sha256;
          return Accept(name, info, sha256);
        },
        Reporter(), flight_.stop(), std::move(room));
    if (absl::IsAlreadyExists(taken.status())) {
      return store_.RecordCheckpoint(std::move(checkpoint)).status();
    }
    HUBD_RETURN_IF_ERROR(taken.status());
    entry.how = taken->how;
    return store_
        .PublishCheckpoint(std::move(taken->staging), std::move(checkpoint))
        .status();
  }

  // ALREADY_EXISTS where the store has these bytes: it knows that it has, or
  // they are this very file.
  absl::Status Accept(const std::string& name, const struct stat& info,
                      const std::string& sha256) const {
    const std::string promised = HashInName(name);
    if (!absl::StartsWith(sha256, promised)) {
      return Skip(absl::StrCat("its name promises the sha256 ", promised,
                               ", and it has ", sha256));
    }
    CheckpointObject stored;
    stored.path = store_.layout().Blob(sha256);
    struct stat blob;
    const bool is_it = ::lstat(stored.path.c_str(), &blob) == 0 &&
                       blob.st_dev == info.st_dev && blob.st_ino == info.st_ino;
    return is_it || store_.IsVerified(stored) ? absl::AlreadyExistsError(sha256)
                                              : absl::OkStatus();
  }

  const FetchContext& context_;
  Store& store_;
  const ImportRequest& request_;
  FlightTable::Context& flight_;
  UniqueFd top_;
  // "hub/" where the directory is a home, else empty.
  std::string hub_;
  size_t told_taken_ = 0;
  size_t told_skipped_ = 0;
  Progress progress_;
  ImportReport report_;
};

}  // namespace

absl::StatusOr<Fetched> ImportCache(const FetchContext& context,
                                    const ImportRequest& request,
                                    FlightTable::Context& flight) {
  Importer importer(context, request, flight);
  HUBD_ASSIGN_OR_RETURN(ImportReport report, importer.Run());
  HUBD_LOG(kInfo) << "event=import directory=" << LogQuote(request.directory)
                  << " trees=" << report.trees
                  << " checkpoints=" << report.checkpoints
                  << " trusted=" << report.trusted
                  << " skipped=" << report.skipped;
  return Fetched{std::move(report)};
}

ImportOperation::ImportOperation(const FetchContext& context,
                                 ImportRequest request, ProgressFn progress,
                                 DoneFn done)
    : Operation(context, std::move(progress), std::move(done)),
      request_(std::move(request)) {}

void ImportOperation::Start() {
  std::string repos;
  for (const NamedRepo& repo : request_.repos) {
    absl::StrAppend(&repos, " ", repo.spec.id.host, "/", repo.owner, "/",
                    repo.name, ":", repo.spec.ref);
  }
  Join(
      {kSharedDomain,
       absl::StrCat("import ", request_.uid, repos, " ", request_.directory)},
      {.kind = "import", .name = request_.directory, .host = ""},
      [context = context(), request = request_](FlightTable::Context& flight) {
        return ImportCache(context, request, flight);
      },
      nullptr,
      [this](const absl::StatusOr<Fetched>& imported) {
        if (!imported.ok()) return Finish(imported.status());
        Finish(std::get<ImportReport>(imported->object));
      });
}

}  // namespace hubd
