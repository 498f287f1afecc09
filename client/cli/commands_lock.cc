#include "client/cli/commands_lock.h"

#include <google/protobuf/struct.pb.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/json.h"
#include "server/base/expected_hash.h"
#include "server/base/fs.h"
#include "server/base/repo.h"
#include "server/base/status.h"
#include "server/base/text.h"
#include "server/fetch/lock_file.h"
#include "server/net/url_identity.h"

namespace hubd {
namespace {

constexpr size_t kShownDigits = 12;

// What became of one entry.
struct Change {
  std::string name;
  // Commit or sha256; `was` is empty for a new entry.
  std::string is;
  std::string was = {};

  const char* word() const {
    if (was.empty()) return "added";
    return was == is ? "unchanged" : "changed";
  }
};

// Empty where there is no file yet.
absl::StatusOr<LockFile> ReadLock(const std::string& file) {
  absl::StatusOr<std::string> text = ReadFile(file, LockFile::kMaxBytes);
  if (absl::IsNotFound(text.status())) return LockFile();
  HUBD_RETURN_IF_ERROR(text.status());
  absl::StatusOr<LockFile> lock = LockFile::Parse(*text);
  if (!lock.ok()) return Annotate(lock.status(), file);
  return lock;
}

// What was there before under the same name; null where nothing was.
template <class Entry, class IsSame>
const Entry* Find(const std::vector<Entry>& entries, IsSame is_same) {
  for (const Entry& entry : entries) {
    if (is_same(entry)) return &entry;
  }
  return nullptr;
}

// Resolves and fetches a repo; says what it is by now.
absl::StatusOr<LockedRepo> FetchRepo(Session& session, const RepoId& repo,
                                     const std::string& ref) {
  RepoOptions options;
  options.repo = absl::StrCat(repo.ToString(), ref.empty() ? "" : ":", ref);
  options.refresh = true;
  HUBD_ASSIGN_OR_RETURN(const v1::LoadResult result,
                        session.WithProgress([&](const CallOptions& call) {
                          return session.client().Load(options, {}, call);
                        }));
  const v1::Tree& tree = result.tree();
  session.Warn(tree.warnings());
  if (tree.stale_for_seconds() > 0) {
    return absl::UnavailableError(absl::StrCat(
        "cannot lock ", options.repo,
        ": its host does not say where it points now; try again later"));
  }
  if (tree.route() == "import") {
    return absl::FailedPreconditionError(absl::StrCat(
        "cannot lock ", options.repo,
        ": it comes from an imported cache, and others could not fetch it; "
        "name a branch, a tag or a commit of its host"));
  }
  if (tree.digest().empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat(options.repo,
                     " was cached by an older hubd and has no digest: hubctl "
                     "cache verify ",
                     tree.repo(), " gives it one"));
  }
  return LockedRepo{.repo = repo,
                    .ref = tree.ref(),
                    .is_default = ref.empty(),
                    .commit = tree.commit(),
                    .route = tree.route(),
                    .digest = tree.digest()};
}

absl::StatusOr<LockedCheckpoint> FetchUrl(Session& session,
                                          const std::string& url) {
  CheckpointOptions options;
  options.url = url;
  options.sha256_prefix = HashInName(url);
  options.refresh = true;
  options.reject_pages = true;
  HUBD_ASSIGN_OR_RETURN(const v1::Checkpoint checkpoint,
                        session.WithProgress([&](const CallOptions& call) {
                          return session.client().FetchStateDict(options, call);
                        }));
  session.Warn(checkpoint.warnings());
  return LockedCheckpoint{.url = UrlIdentity(url),
                          .sha256 = checkpoint.sha256()};
}

// Makes the new lock out of the old one.
class Locker {
 public:
  Locker(Session& session, const LockFile& old)
      : session_(session), old_(old) {}

  // Keeps what the old one has, but for what is added afterwards.
  void Keep() { lock_ = old_; }

  absl::Status AddThing(const std::string& thing) {
    if (absl::StrContains(thing, "://") && !IsSshUrl(thing) &&
        !IsFileUrl(thing)) {
      return AddUrl(thing);
    }
    HUBD_ASSIGN_OR_RETURN(const RepoSpec spec, ParseRepoSpec(thing));
    return AddRepo(spec.id, spec.ref);
  }

  absl::Status AddAll() {
    for (const LockedRepo& entry : old_.repos()) {
      HUBD_RETURN_IF_ERROR(
          IsCommit(entry.ref)
              ? AddAsItIs(entry)
              : AddRepo(entry.repo, entry.is_default ? "" : entry.ref));
    }
    for (const LockedCheckpoint& entry : old_.checkpoints()) {
      HUBD_RETURN_IF_ERROR(AddAgain(entry));
    }
    return absl::OkStatus();
  }

  const LockFile& lock() const { return lock_; }
  const std::vector<Change>& changes() const { return changes_; }

 private:
  // A commit is what it was.
  absl::Status AddAsItIs(const LockedRepo& entry) {
    changes_.push_back(
        {.name = absl::StrCat(entry.repo.ToString(), ":", entry.ref),
         .is = entry.commit,
         .was = entry.commit});
    lock_.Put(entry);
    return absl::OkStatus();
  }

  absl::Status AddRepo(const RepoId& repo, const std::string& ref) {
    HUBD_ASSIGN_OR_RETURN(LockedRepo entry, FetchRepo(session_, repo, ref));
    const LockedRepo* old = Find(old_.repos(), [&](const LockedRepo& other) {
      return other.repo == entry.repo &&
             (other.ref == entry.ref || (other.is_default && entry.is_default));
    });
    changes_.push_back(
        {.name = absl::StrCat(entry.repo.ToString(), ":", entry.ref),
         .is = entry.commit,
         .was = old == nullptr ? "" : old->commit});
    lock_.Put(std::move(entry));
    return absl::OkStatus();
  }

  absl::Status AddUrl(const std::string& url) {
    HUBD_ASSIGN_OR_RETURN(LockedCheckpoint entry, FetchUrl(session_, url));
    const LockedCheckpoint* old = Find(
        old_.checkpoints(),
        [&](const LockedCheckpoint& other) { return other.url == entry.url; });
    changes_.push_back({.name = entry.url,
                        .is = entry.sha256,
                        .was = old == nullptr ? "" : old->sha256});
    lock_.Put(std::move(entry));
    return absl::OkStatus();
  }

  // The lock has no signature, with which the URL may have been asked for.
  absl::Status AddAgain(const LockedCheckpoint& entry) {
    absl::Status status = AddUrl(entry.url);
    if (!MayDependOnSignature(status)) return status;
    session_.Note(absl::StrCat(
        "hubctl: warning: ", status.message(),
        "; its entry stays as it was. If it needs a signature, name the URL "
        "with a fresh one: hubctl lock URL"));
    changes_.push_back(
        {.name = entry.url, .is = entry.sha256, .was = entry.sha256});
    lock_.Put(entry);
    return absl::OkStatus();
  }

  Session& session_;
  const LockFile& old_;
  LockFile lock_;
  std::vector<Change> changes_;
};

void TellChanges(const Session& session, const std::string& file,
                 const std::vector<Change>& changes) {
  if (!session.arguments().json) {
    for (const Change& change : changes) {
      const bool moved = !change.was.empty() && change.was != change.is;
      session.Print(absl::StrCat(
          change.word(), " ", CleanLine(change.name), " ",
          moved ? absl::StrCat(change.was.substr(0, kShownDigits), " -> ") : "",
          change.is.substr(0, kShownDigits), "\n"));
    }
    return;
  }
  google::protobuf::Struct document;
  auto& fields = *document.mutable_fields();
  fields["file"].set_string_value(CleanText(file));
  auto& list = *fields["entries"].mutable_list_value();
  for (const Change& change : changes) {
    auto& entry = *list.add_values()->mutable_struct_value()->mutable_fields();
    entry["name"].set_string_value(CleanText(change.name));
    entry["change"].set_string_value(change.word());
    entry["is"].set_string_value(change.is);
    entry["was"].set_string_value(change.was);
  }
  session.Print(ToJson(document));
}

}  // namespace

absl::Status RunLock(Session& session) {
  const std::string& file = session.arguments().lock_file;
  const std::vector<std::string>& things = session.arguments().things;
  HUBD_ASSIGN_OR_RETURN(const LockFile old, ReadLock(file));
  Locker locker(session, old);
  if (things.empty()) {
    if (!IsThere(file)) {
      return absl::InvalidArgumentError(
          absl::StrCat("there is no ", file,
                       ": name what it shall have, as in hubctl lock "
                       "OWNER/NAME:REF"));
    }
    HUBD_RETURN_IF_ERROR(locker.AddAll());
  } else {
    locker.Keep();
    for (const std::string& thing : things) {
      HUBD_RETURN_IF_ERROR(locker.AddThing(thing));
    }
  }
  HUBD_RETURN_IF_ERROR(Annotate(
      WriteFileDurably(file, locker.lock().Format(), 0644), "lock file"));
  TellChanges(session, file, locker.changes());
  return absl::OkStatus();
}

}  // namespace hubd
