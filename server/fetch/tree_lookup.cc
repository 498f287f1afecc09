#include "server/fetch/tree_lookup.h"

#include <map>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "server/base/status.h"
#include "server/fetch/tree_source.h"

namespace hubd {
namespace {

// Which commit is wanted, as far as the store may say; nullopt: the origin is
// to be asked.
absl::StatusOr<std::optional<ResolvedRef>> ResolveKnown(
    const FetchContext& context, const TreeRequest& request, absl::Time now) {
  if (request.skip_validation && IsCommit(request.spec.ref)) {
    return ResolvedRef{request.spec.ref, request.spec.ref, {}};
  }
  if (request.refresh && !request.offline) return std::nullopt;
  HUBD_ASSIGN_OR_RETURN(
      std::shared_ptr<const RefsObject> refs,
      context.parts.store.catalog().LookupRefs(kSharedDomain, request.spec.id));
  if (refs == nullptr) return std::nullopt;
  // Negative where the clock was set back since: an age that says nothing.
  const absl::Duration age = now - refs->asked_at;
  const bool fresh =
      age >= absl::ZeroDuration() && age < context.options.ref_ttl;
  if (!fresh && !request.offline) return std::nullopt;
  absl::StatusOr<ResolvedRef> resolved =
      ResolveRef(request.spec, request.default_ref, request.skip_validation,
                 refs->advertisement);
  // A ref that a fresh answer does not have may have been pushed since.
  if (!resolved.ok()) return std::nullopt;
  return *std::move(resolved);
}

// The commit of the one tree that `ref` is the beginning of.
std::optional<ResolvedRef> ResolveAmong(const std::vector<TreeObject>& trees,
                                        const std::string& ref) {
  if (!MayBeCommit(ref)) return std::nullopt;
  std::set<std::string> commits;
  for (const TreeObject& tree : trees) {
    if (absl::StartsWith(tree.key.commit, ref)) commits.insert(tree.key.commit);
  }
  if (commits.size() != 1) return std::nullopt;
  return ResolvedRef{ref, *commits.begin(), {}};
}

std::vector<OtherTree> Describe(const std::vector<TreeObject>& trees,
                                const RefsObject* refs) {
  std::map<std::string, std::string> names;
  if (refs != nullptr) {
    for (const AdvertisedRef& ref : refs->advertisement.refs) {
      names.try_emplace(ref.commit, ShortRefName(ref.name));
    }
  }
  std::vector<OtherTree> others;
  for (const TreeObject& tree : trees) {
    others.push_back({tree.key.commit, names[tree.key.commit]});
  }
  return others;
}

// What the store has where the known refs lead to no tree.
absl::Status LookUpOffline(const FetchContext& context, const RepoSpec& spec,
                           KnownTree& known, std::optional<TreeObject>& tree) {
  Store& store = context.parts.store;
  HUBD_ASSIGN_OR_RETURN(std::vector<TreeObject> trees,
                        store.catalog().TreesOfRepo(kSharedDomain, spec.id));
  if (!known.resolved) {
    known.resolved = ResolveAmong(trees, spec.ref);
    if (known.resolved) {
      HUBD_ASSIGN_OR_RETURN(
          tree, store.FindTree(ArchiveKey(spec.id, known.resolved->commit)));
    }
  }
  if (tree) return absl::OkStatus();
  HUBD_ASSIGN_OR_RETURN(std::shared_ptr<const RefsObject> refs,
                        store.catalog().LookupRefs(kSharedDomain, spec.id));
  known.others = Describe(trees, refs.get());
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<KnownTree> LookUpTree(const FetchContext& context,
                                     const TreeRequest& request,
                                     absl::Time now) {
  Store& store = context.parts.store;
  const RepoSpec& spec = request.spec;
  KnownTree known;
  std::optional<TreeObject> tree;
  if (IsCommit(spec.ref)) {
    HUBD_ASSIGN_OR_RETURN(tree, store.FindTree(KeyOfTree(spec.id, spec.ref)));
    if (tree) known.resolved = ResolvedRef{spec.ref, spec.ref, {}};
  }
  if (!tree) {
    HUBD_ASSIGN_OR_RETURN(known.resolved, ResolveKnown(context, request, now));
    if (known.resolved) {
      HUBD_ASSIGN_OR_RETURN(
          tree, store.FindTree(KeyOfTree(spec.id, known.resolved->commit)));
    }
  }
  if (!tree && request.offline) {
    HUBD_RETURN_IF_ERROR(LookUpOffline(context, spec, known, tree));
  }
  if (tree) {
    TreeResult& result = known.result.emplace();
    result.ref = known.resolved->ref;
    result.warnings = known.resolved->warnings;
    result.ambiguous_ref = known.resolved->ambiguous;
    result.cached = true;
    SetTree(*std::move(tree), result);
  }
  return known;
}

void SetTree(TreeObject tree, TreeResult& result) {
  result.warnings.insert(result.warnings.end(), tree.warnings.begin(),
                         tree.warnings.end());
  result.tree = std::move(tree);
}

}  // namespace hubd
