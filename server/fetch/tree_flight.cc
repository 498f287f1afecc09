#include "server/fetch/tree_flight.h"

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
#include "server/fetch/tree_source.h"

namespace hubd {
namespace {

constexpr size_t kPipeBytes = 512 << 10;
constexpr char kWayOut[] =
    "; nothing of it is kept. Try again later or with another ref";

// Whether an older answer may stand in for this failure.
bool IsSilence(const absl::Status& status) {
  return ReasonOf(status) == Reason::kUpstreamUnavailable ||
         ReasonOf(status) == Reason::kRateLimited;
}

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

}  // namespace

absl::StatusOr<Fetched> FetchRefs(const FetchContext& context,
                                  const RepoId& repo, absl::Time since,
                                  FlightTable::Context& flight) {
  const FetchParts& parts = context.parts;
  HUBD_ASSIGN_OR_RETURN(std::shared_ptr<const RefsObject> known,
                        parts.store.catalog().LookupRefs(kSharedDomain, repo));
  // An answer from the future was kept before the clock was set back.
  if (known && known->asked_at >= since &&
      known->asked_at <= parts.clock.Now()) {
    return Fetched{*known};
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
    Fetched stale{*known};
    stale.silence = std::move(failure);
    stale.cached = true;
    stale.warnings.push_back(absl::StrCat(
        repo.ToString(), ": the cached answer about its refs is used, since ",
        answer.status().message()));
    return stale;
  }
  RefsObject refs;
  refs.repo = repo;
  refs.advertisement = *std::move(answer);
  refs.asked_at = parts.clock.Now();
  HUBD_RETURN_IF_ERROR(parts.store.PublishRefs(refs));
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
