#include "server/fetch/tree_operation.h"

#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/base/status.h"
#include "server/fetch/tree_flight.h"

namespace hubd {
namespace {

constexpr char kArchiveRoute[] = "archive";

TreeKey KeyOf(const RepoId& repo, const std::string& commit) {
  return TreeKey{kSharedDomain, repo, commit, kArchiveRoute};
}

}  // namespace

TreeOperation::TreeOperation(const FetchContext& context, TreeRequest request,
                             ProgressFn progress, DoneFn done)
    : Operation(context, std::move(progress), std::move(done)),
      request_(std::move(request)),
      started_at_(context.parts.clock.Now()) {}

void TreeOperation::Start() {
  if (absl::Status allowed =
          context().parts.policy.CheckUrl(request_.spec.id.Url());
      !allowed.ok()) {
    return FinishLater(allowed);
  }
  LookUp<absl::StatusOr<Known>>(
      [this] { return LookUpKnown(); },
      [this](absl::StatusOr<Known> known) { Decide(std::move(known)); });
}

absl::StatusOr<TreeOperation::Known> TreeOperation::LookUpKnown() const {
  Store& store = context().parts.store;
  const RepoSpec& spec = request_.spec;
  Known known;
  if (IsCommit(spec.ref)) {
    HUBD_ASSIGN_OR_RETURN(known.tree, store.FindTree(KeyOf(spec.id, spec.ref)));
  }
  HUBD_ASSIGN_OR_RETURN(known.refs,
                        store.catalog().LookupRefs(kSharedDomain, spec.id));
  if (request_.offline) {
    HUBD_ASSIGN_OR_RETURN(known.others,
                          store.catalog().TreesOfRepo(kSharedDomain, spec.id));
  }
  return known;
}

void TreeOperation::Decide(absl::StatusOr<Known> known) {
  if (!known.ok()) return Finish(known.status());
  others_ = std::move(known->others);
  const std::string& ref = request_.spec.ref;
  if (known->tree) {
    result_.ref = ref;
    return Deliver(*std::move(known->tree), /*cached=*/true);
  }
  if (request_.skip_validation && IsCommit(ref)) {
    result_.ref = ref;
    return FindTree(ref);
  }
  if (request_.offline) {
    if (!known->refs) return Finish(OfflineMiss(others_));
    return Resolve(*known->refs);
  }
  // Negative where the clock was set back since: an age that says nothing.
  absl::Duration age = known->refs ? started_at_ - known->refs->asked_at
                                   : absl::InfiniteDuration();
  bool fresh = age >= absl::ZeroDuration() && age < context().options.ref_ttl;
  // A ref that a fresh answer does not have may have been pushed since.
  if (fresh && !request_.refresh &&
      ResolveRef(request_.spec, request_.default_ref, request_.skip_validation,
                 known->refs->advertisement)
          .ok()) {
    return Resolve(*known->refs);
  }
  AskRefs();
}

void TreeOperation::AskRefs() {
  const RepoId& repo = request_.spec.id;
  Join(
      {kSharedDomain, absl::StrCat("refs ", repo.ToString())},
      [context = context(), repo,
       since = started_at_](FlightTable::Context& flight) {
        return FetchRefs(context, repo, since, flight);
      },
      nullptr,
      [this](const absl::StatusOr<Fetched>& fetched) {
        if (!fetched.ok()) return Finish(fetched.status());
        const RefsObject& refs = std::get<RefsObject>(fetched->object);
        silence_ = fetched->silence;
        if (!silence_.ok()) {
          result_.stale_for = started_at_ - refs.asked_at;
          result_.warnings = fetched->warnings;
        }
        Resolve(refs);
      });
}

void TreeOperation::Resolve(const RefsObject& refs) {
  absl::StatusOr<ResolvedRef> resolved =
      ResolveRef(request_.spec, request_.default_ref, request_.skip_validation,
                 refs.advertisement);
  if (!resolved.ok()) {
    if (request_.offline) return Finish(OfflineMiss(others_));
    // That an old answer lacks the ref proves nothing.
    return Finish(silence_.ok() ? resolved.status() : silence_);
  }
  result_.ref = resolved->ref;
  for (std::string& warning : resolved->warnings) {
    result_.warnings.push_back(std::move(warning));
  }
  FindTree(resolved->commit);
}

void TreeOperation::FindTree(const std::string& commit) {
  TreeKey key = KeyOf(request_.spec.id, commit);
  using Found = absl::StatusOr<std::optional<TreeObject>>;
  LookUp<Found>([this, key] { return context().parts.store.FindTree(key); },
                [this, key](Found found) {
                  if (!found.ok()) return Finish(found.status());
                  if (*found)
                    return Deliver(**std::move(found), /*cached=*/true);
                  if (request_.offline) return Finish(OfflineMiss(others_));
                  FetchTree(key);
                });
}

void TreeOperation::FetchTree(const TreeKey& key) {
  Join(
      {kSharedDomain,
       absl::StrCat("tree ", key.repo.ToString(), " ", key.commit)},
      [context = context(), key](FlightTable::Context& flight) {
        return FetchTreeArchive(context, key, flight);
      },
      nullptr,
      [this](const absl::StatusOr<Fetched>& fetched) {
        if (!fetched.ok()) return Finish(fetched.status());
        Deliver(std::get<TreeObject>(fetched->object), fetched->cached);
      });
}

void TreeOperation::Deliver(TreeObject tree, bool cached) {
  for (const std::string& warning : tree.warnings) {
    result_.warnings.push_back(warning);
  }
  result_.tree = std::move(tree);
  result_.cached = cached;
  Finish(std::move(result_));
}

absl::Status TreeOperation::OfflineMiss(
    const std::vector<TreeObject>& others) const {
  const RepoSpec& spec = request_.spec;
  std::string cached =
      absl::StrJoin(others, ",", [](std::string* out, const TreeObject& tree) {
        absl::StrAppend(out, tree.key.commit.substr(0, 12));
      });
  std::string wanted = spec.id.ToString();
  if (!spec.ref.empty()) absl::StrAppend(&wanted, ":", spec.ref);
  std::string what = cached.empty()
                         ? "nothing of that repo is cached"
                         : absl::StrCat("cached of that repo: commit ", cached);
  return ReasonError(
      Reason::kOfflineMiss,
      absl::StrCat("cannot load ", wanted, " offline: ", what,
                   "; call it once with the network"),
      {{"repo", spec.id.ToString()}, {"ref", spec.ref}, {"cached", cached}});
}

}  // namespace hubd
