#include "server/fetch/tree_flight.h"

#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/log.h"
#include "server/base/status.h"
#include "server/base/thread.h"
#include "server/fetch/archive.h"
#include "server/fetch/byte_pipe.h"
#include "server/fetch/known_repo.h"
#include "server/fetch/tree_source.h"

namespace hubd {
namespace {

constexpr size_t kPipeBytes = 512 << 10;
constexpr char kWayOut[] =
    "; nothing of it is kept. Try again later or with another ref";

// Fetches and unpacks at once: the transfer on this thread, the unpacker on
// one of its own, a bounded pipe between them.
absl::StatusOr<UnpackedTree> FetchInto(const FetchContext& context,
                                       const TreeKey& key,
                                       const std::string& directory,
                                       FlightTable::Context& flight) {
  BytePipe pipe(kPipeBytes);
  absl::StatusOr<UnpackedTree> unpacked = absl::UnknownError("not unpacked");
  HUBD_ASSIGN_OR_RETURN(
      std::jthread unpacker, StartThread([&, stop = flight.stop()] {
        unpacked = UnpackTree(
            [&](char* buffer, size_t size) { return pipe.Read(buffer, size); },
            directory, context.options.tree_limits, stop);
        pipe.CloseReader(unpacked.status());
      }));
  absl::Status fetched = FetchTreeBytes(
      context, key, [&](absl::string_view bytes) { return pipe.Write(bytes); },
      flight);
  pipe.CloseWriter(fetched);
  unpacker.join();
  if (!unpacked.ok()) {
    absl::Status why = unpacked.status();
    if (ReasonOf(why) == Reason::kBadArchive) {
      why = ReasonError(Reason::kBadArchive,
                        absl::StrCat(why.message(), kWayOut));
    }
    return Annotate(why, absl::StrCat("cannot load ", key.repo.ToString(),
                                      " at ", key.commit));
  }
  HUBD_RETURN_IF_ERROR(fetched);
  if (IsCommit(unpacked->commit) && unpacked->commit != key.commit) {
    return ReasonError(
        Reason::kBadArchive,
        absl::StrCat("cannot load ", key.repo.ToString(), " at ", key.commit,
                     ": the archive is of another commit, ", unpacked->commit,
                     kWayOut));
  }
  return unpacked;
}

// The repo whose refs these are, asked for as `repo`.
RepoId RepoOf(const Advertisement& advertisement, const RepoId& repo) {
  absl::StatusOr<RepoSpec> spec = ParseRepoSpec(advertisement.moved_to);
  return spec.ok() && spec->ref.empty() ? spec->id : repo;
}

// Of a repo that has moved, two objects: the answer under its own name, and
// that the name which was asked for leads there.
absl::StatusOr<RefsObject> PublishAnswer(const FetchParts& parts,
                                         const RepoId& repo,
                                         Advertisement advertisement) {
  RefsObject refs;
  refs.repo = RepoOf(advertisement, repo);
  refs.advertisement = std::move(advertisement);
  refs.advertisement.moved_to.clear();
  refs.asked_at = parts.clock.Now();
  HUBD_RETURN_IF_ERROR(parts.store.PublishRefs(refs));
  if (refs.repo != repo) {
    RefsObject moved;
    moved.repo = repo;
    moved.asked_at = refs.asked_at;
    moved.moved_to = refs.repo;
    HUBD_RETURN_IF_ERROR(parts.store.PublishRefs(moved));
  }
  return refs;
}

// What is known, as if it had been said when all of it was last so.
std::optional<RefsObject> OldAnswer(const KnownRepo& known) {
  if (known.refs == nullptr) return std::nullopt;
  RefsObject refs = *known.refs;
  refs.asked_at = known.asked_at;
  return refs;
}

}  // namespace

absl::StatusOr<Fetched> FetchRefs(const FetchContext& context,
                                  const RepoId& repo, absl::Time since,
                                  FlightTable::Context& flight) {
  const FetchParts& parts = context.parts;
  HUBD_ASSIGN_OR_RETURN(KnownRepo known_repo,
                        LookUpRepo(parts.store.catalog(), repo));
  std::optional<RefsObject> known = OldAnswer(known_repo);
  // An answer from the future was kept before the clock was set back.
  if (known && known->asked_at >= since &&
      known->asked_at <= parts.clock.Now()) {
    return Fetched{*std::move(known)};
  }
  Progress progress;
  progress.phase = Progress::Phase::kResolving;
  progress.subject = repo.ToString();
  flight.Report(progress);
  absl::StatusOr<Advertisement> answer =
      parts.git.ListRefs(repo.Url(), flight.stop());
  if (!answer.ok()) {
    absl::Status failure =
        Annotate(answer.status(),
                 absl::StrCat("cannot ask for the refs of ", repo.ToString()));
    if (!known || !IsSilence(failure)) return failure;
    HUBD_LOG(kWarning) << "event=refs_stale repo=" << repo.ToString()
                       << " why=" << LogQuote(answer.status().message());
    Fetched stale{*std::move(known)};
    stale.silence = std::move(failure);
    stale.cached = true;
    stale.warnings.push_back(absl::StrCat(
        repo.ToString(), ": the cached answer about its refs is used, since ",
        answer.status().message()));
    return stale;
  }
  HUBD_ASSIGN_OR_RETURN(RefsObject refs,
                        PublishAnswer(parts, repo, *std::move(answer)));
  return Fetched{std::move(refs)};
}

absl::StatusOr<Fetched> FetchTreeFiles(const FetchContext& context,
                                       const TreeKey& key,
                                       FlightTable::Context& flight) {
  Store& store = context.parts.store;
  HUBD_ASSIGN_OR_RETURN(std::optional<TreeObject> known, store.FindTree(key));
  if (known) {
    Fetched hit{*std::move(known)};
    hit.cached = true;
    return hit;
  }
  HUBD_ASSIGN_OR_RETURN(Staging staging, store.StageDirectory());
  HUBD_ASSIGN_OR_RETURN(UnpackedTree unpacked,
                        FetchInto(context, key, staging.path(), flight));
  TreeObject tree;
  tree.key = key;
  tree.size_bytes = unpacked.size_bytes;
  tree.entry_count = unpacked.entry_count;
  tree.warnings = std::move(unpacked.warnings);
  HUBD_ASSIGN_OR_RETURN(
      tree,
      store.PublishTree(std::move(staging), std::move(tree), flight.stop()));
  HUBD_LOG(kInfo) << "event=publish repo=" << key.repo.ToString()
                  << " commit=" << key.commit << " bytes=" << tree.size_bytes
                  << " entries=" << tree.entry_count;
  return Fetched{std::move(tree)};
}

}  // namespace hubd
