#include "server/fetch/tree_flight.h"

#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "server/base/fs.h"
#include "server/base/log.h"
#include "server/base/status.h"
#include "server/base/thread.h"
#include "server/fetch/archive.h"
#include "server/fetch/byte_pipe.h"
#include "server/fetch/known_repo.h"
#include "server/fetch/ref_rules.h"
#include "server/fetch/tree_source.h"
#include "server/fetch/unpack_meter.h"
#include "server/fetch/whole_tree.h"
#include "server/net/mirrors.h"

namespace hubd {
namespace {

constexpr size_t kPipeBytes = 512 << 10;
constexpr char kWayOut[] =
    "; nothing of it is kept. Try again later or with another ref";

// Fetches and unpacks at once: the transfer on this thread, the unpacker on
// one of its own, a bounded pipe between them.
absl::StatusOr<UnpackedTree> FetchInto(const FetchContext& context,
                                       const TreeKey& key, const Source& source,
                                       const std::string& directory,
                                       UnpackMeter& meter,
                                       FlightTable::Context& flight) {
  BytePipe pipe(kPipeBytes);
  absl::StatusOr<UnpackedTree> unpacked = absl::UnknownError("not unpacked");
  HUBD_ASSIGN_OR_RETURN(
      std::jthread unpacker, StartThread([&] {
        unpacked = UnpackTree(
            [&](char* buffer, size_t size) { return pipe.Read(buffer, size); },
            directory, meter);
        pipe.CloseReader(unpacked.status());
      }));
  absl::Status fetched = FetchTreeBytes(
      context, key, source,
      [&](absl::string_view bytes) { return pipe.Write(bytes); }, flight);
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

// From the first source that has them. What came of one that failed on the way
// is removed, but counts.
absl::StatusOr<UnpackedTree> FetchFromAny(const FetchContext& context,
                                          const TreeKey& key,
                                          const std::string& directory,
                                          UnpackMeter& meter,
                                          FlightTable::Context& flight) {
  UnpackedTree unpacked;
  HUBD_RETURN_IF_ERROR(AskInTurn(
      SourcesOfTree(context.parts.mirrors, key),
      [&](const Source& source) -> absl::Status {
        HUBD_RETURN_IF_ERROR(RemoveContents(directory));
        HUBD_ASSIGN_OR_RETURN(unpacked, FetchInto(context, key, source,
                                                  directory, meter, flight));
        return absl::OkStatus();
      }));
  return unpacked;
}

// What is known, as if it had been said when all of it was last so.
std::optional<RefsObject> OldAnswer(const KnownRepo& known) {
  if (known.refs == nullptr) return std::nullopt;
  RefsObject refs = *known.refs;
  refs.asked_at = known.asked_at;
  return refs;
}

// The older answer about `repo` in place of one that did not come.
Fetched StandIn(const RepoId& repo, RefsObject known, absl::Status silence,
                absl::string_view why) {
  HUBD_LOG(kWarning) << "event=refs_stale repo=" << repo.ToString()
                     << " why=" << LogQuote(why);
  Fetched stale{std::move(known)};
  stale.silence = std::move(silence);
  stale.cached = true;
  stale.warnings.push_back(
      absl::StrCat(repo.ToString(),
                   ": the cached answer about its refs is used, since ", why));
  return stale;
}

// Whether a mirror that says this can be behind no more than that what is
// wanted points elsewhere. A whole commit may be one before the refs.
bool HasWanted(const Advertisement& advertisement, const TreeRequest& request) {
  return IsCommit(request.spec.ref) ||
         ResolveRef(request.spec, request.default_ref, request.skip_validation,
                    advertisement)
             .ok();
}

// Whether an answer that somebody else just got is this request's too. Which
// source gave it is not known.
bool Serves(const Mirrors& mirrors, const RefsObject& refs,
            const TreeRequest& request) {
  return !mirrors.HasAny(refs.repo.Url()) ||
         (!request.refresh && HasWanted(refs.advertisement, request));
}

// The answer of the first source that has what is wanted, and what is to be
// said of it.
struct Answer {
  Advertisement advertisement;
  std::vector<std::string> warnings;
};

absl::StatusOr<Answer> AskForRefs(const FetchContext& context,
                                  const TreeRequest& request,
                                  const RepoId& name,
                                  const std::stop_token& stop) {
  const FetchParts& parts = context.parts;
  const RepoId& repo = request.spec.id;
  Answer answer;
  std::optional<Advertisement> behind;
  absl::Status origin;
  absl::Status asked = AskInTurn(
      parts.mirrors.SourcesOf(name.Url(), /*origin_first=*/request.refresh),
      [&](const Source& source) -> absl::Status {
        GitSource where = context.GitSourceAt(source);
        if (!source.is_mirror) where.url = repo.Url();
        absl::StatusOr<Advertisement> said = parts.git.ListRefs(where, stop);
        if (!source.is_mirror) origin = said.status();
        HUBD_ASSIGN_OR_RETURN(answer.advertisement, std::move(said));
        if (!source.is_mirror) return absl::OkStatus();
        // Where the repo has moved is for its origin to say.
        answer.advertisement.moved_to = name == repo ? "" : name.Url();
        if (HasWanted(answer.advertisement, request)) return absl::OkStatus();
        if (!behind) behind = answer.advertisement;
        return ReasonError(Reason::kRefNotFound, "it does not have the ref");
      });
  // The beginning of a commit is no ref, but may be before those of a mirror.
  if (!asked.ok() && IsSilence(asked) && behind &&
      MayBeOlderCommit(request.spec.ref, *behind)) {
    answer.advertisement = *std::move(behind);
  } else if (!asked.ok()) {
    return asked;
  }
  if (request.refresh && !origin.ok()) {
    answer.warnings.push_back(absl::StrCat(
        repo.ToString(), ": a mirror's answer about its refs is used, since ",
        origin.message()));
  }
  return answer;
}

// A failure about the repo, with its name in whole: of a long URL only the
// beginning is shown.
absl::Status Named(const RepoId& repo, const absl::Status& failure) {
  absl::string_view rest = failure.message();
  if (ReasonOf(failure) == Reason::kRepoNotFound &&
      absl::ConsumePrefix(&rest, RedactUrl(repo.Url()))) {
    return ReasonError(Reason::kRepoNotFound,
                       absl::StrCat(repo.ToString(), rest),
                       MetadataOf(failure));
  }
  return Annotate(failure,
                  absl::StrCat("cannot ask for the refs of ", repo.ToString()));
}

}  // namespace

absl::StatusOr<Fetched> FetchRefs(const FetchContext& context,
                                  const TreeRequest& request, absl::Time since,
                                  FlightTable::Context& flight) {
  const FetchParts& parts = context.parts;
  const RepoId& repo = request.spec.id;
  HUBD_ASSIGN_OR_RETURN(KnownRepo known_repo,
                        LookUpRepo(parts.store.catalog(), repo));
  std::optional<RefsObject> known = OldAnswer(known_repo);
  // An answer from the future was kept before the clock was set back.
  if (known && known->asked_at >= since &&
      known->asked_at <= parts.clock.Now() &&
      Serves(parts.mirrors, *known, request)) {
    return Fetched{*std::move(known)};
  }
  Progress progress;
  progress.phase = Progress::Phase::kResolving;
  progress.subject = repo.ToString();
  flight.Report(progress);
  absl::StatusOr<Answer> answer =
      AskForRefs(context, request, known_repo.id(), flight.stop());
  if (!answer.ok()) {
    absl::Status failure = Named(repo, answer.status());
    if (!known || !IsSilence(failure)) return failure;
    return StandIn(repo, *std::move(known), std::move(failure),
                   answer.status().message());
  }
  HUBD_ASSIGN_OR_RETURN(
      RefsObject refs,
      PublishAnswer(parts, repo, std::move(answer->advertisement)));
  Fetched fetched{std::move(refs)};
  fetched.warnings = std::move(answer->warnings);
  return fetched;
}

absl::StatusOr<Fetched> FetchTreeFiles(const FetchContext& context,
                                       const TreeKey& key,
                                       FlightTable::Context& flight,
                                       bool unproven) {
  Store& store = context.parts.store;
  HUBD_ASSIGN_OR_RETURN(std::optional<TreeObject> known, store.FindTree(key));
  if (known) {
    Fetched hit{*std::move(known)};
    hit.cached = true;
    return hit;
  }
  HUBD_ASSIGN_OR_RETURN(Staging staging, store.StageDirectory());
  // What is staged is no part of the usage.
  HUBD_ASSIGN_OR_RETURN(Space::Reservation room,
                        context.parts.space.Reserve(0, /*counted=*/false));
  UnpackMeter meter(context.options.tree_limits, flight.stop(),
                    std::move(room));
  const auto unpack = [&](const FetchContext& its, const TreeKey& which,
                          const std::string& directory) {
    return FetchFromAny(its, which, directory, meter, flight);
  };
  HUBD_ASSIGN_OR_RETURN(
      UnpackedTree unpacked,
      FetchWholeTree(context, key, staging.path(), unpack, meter, flight));
  TreeObject tree;
  tree.key = key;
  tree.size_bytes = unpacked.size_bytes;
  tree.entry_count = unpacked.entry_count;
  tree.warnings = std::move(unpacked.warnings);
  tree.unproven = unproven;
  HUBD_ASSIGN_OR_RETURN(
      tree,
      store.PublishTree(std::move(staging), std::move(tree), flight.stop()));
  HUBD_LOG(kInfo) << "event=publish repo=" << key.repo.ToString()
                  << " commit=" << key.commit << " bytes=" << tree.size_bytes
                  << " entries=" << tree.entry_count;
  return Fetched{std::move(tree)};
}

}  // namespace hubd
