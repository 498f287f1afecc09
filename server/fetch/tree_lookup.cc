#include "server/fetch/tree_lookup.h"

#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/status.h"
#include "server/fetch/known_repo.h"
#include "server/fetch/tree_source.h"

namespace hubd {
namespace {

// As many digits as git shows of a commit at least.
constexpr size_t kLeastBeginning = 7;

// Which commit is wanted, as far as the store may say; nullopt: the origin is
// to be asked.
std::optional<ResolvedRef> ResolveKnown(const FetchContext& context,
                                        const TreeRequest& request,
                                        const KnownRepo& repo, absl::Time now) {
  if (request.skip_validation && IsCommit(request.spec.ref)) {
    return ResolvedRef{request.spec.ref, request.spec.ref, {}};
  }
  if (request.refresh && !request.offline) return std::nullopt;
  if (repo.refs == nullptr) return std::nullopt;
  // Negative where the clock was set back since: an age that says nothing.
  const absl::Duration age = now - repo.asked_at;
  const bool fresh =
      age >= absl::ZeroDuration() && age < context.options.ref_ttl;
  if (!fresh && !request.offline) return std::nullopt;
  absl::StatusOr<ResolvedRef> resolved =
      ResolveRef(request.spec, request.default_ref, request.skip_validation,
                 repo.refs->advertisement);
  // A ref that a fresh answer does not have may have been pushed since.
  if (!resolved.ok()) return std::nullopt;
  return *std::move(resolved);
}

// The commit of the one tree that `ref` is the beginning of.
std::optional<std::string> FindAmong(const std::vector<TreeObject>& trees,
                                     const std::string& ref) {
  if (!MayBeCommit(ref)) return std::nullopt;
  std::set<std::string> commits;
  for (const TreeObject& tree : trees) {
    if (!tree.unproven && absl::StartsWith(tree.key.commit, ref)) {
      commits.insert(tree.key.commit);
    }
  }
  if (commits.size() != 1) return std::nullopt;
  return *commits.begin();
}

// The trees of a repo under all its names, the newest name's first.
absl::StatusOr<std::vector<TreeObject>> TreesOf(Catalog& catalog,
                                                const KnownRepo& repo) {
  std::vector<TreeObject> trees;
  for (auto name = repo.names.rbegin(); name != repo.names.rend(); ++name) {
    HUBD_ASSIGN_OR_RETURN(std::vector<TreeObject> more,
                          catalog.TreesOfRepo(kSharedDomain, *name));
    std::move(more.begin(), more.end(), std::back_inserter(trees));
  }
  return trees;
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
    others.push_back({tree.key.commit, tree.unproven, names[tree.key.commit]});
  }
  return others;
}

// The tree of a commit under any name, the newest one first.
absl::StatusOr<std::optional<TreeObject>> FindTreeOf(
    Store& store, const std::vector<RepoId>& names, const std::string& commit) {
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    HUBD_ASSIGN_OR_RETURN(std::optional<TreeObject> tree,
                          store.FindTree(KeyOfTree(*name, commit)));
    if (tree) return tree;
  }
  return std::nullopt;
}

// The same of a commit that the request's ref was found to mean.
absl::StatusOr<std::optional<TreeObject>> FindResolved(
    Store& store, const TreeRequest& request, const std::vector<RepoId>& names,
    const std::string& commit) {
  HUBD_ASSIGN_OR_RETURN(std::optional<TreeObject> tree,
                        FindTreeOf(store, names, commit));
  if (tree && tree->unproven && request.proves_commit()) {
    HUBD_ASSIGN_OR_RETURN(tree, store.RecordProven(*std::move(tree)));
  }
  return tree;
}

// Whether the request takes what `repo` says.
absl::Status AdmitMoved(const TreeRequest& request, const RepoId& repo) {
  const RepoId& asked = request.spec.id;
  if (!request.admit_moved || !IsAnotherOwner(asked, repo)) {
    return absl::OkStatus();
  }
  return Annotate(request.admit_moved(repo),
                  absl::StrCat(asked.ToString(), " has moved to ",
                               repo.ToString(), ", of another owner"));
}

// What the store has where the known refs lead to no tree.
absl::Status LookUpOffline(const FetchContext& context,
                           const TreeRequest& request, const KnownRepo& repo,
                           KnownTree& known, std::optional<TreeObject>& tree) {
  Store& store = context.parts.store;
  HUBD_ASSIGN_OR_RETURN(const std::vector<TreeObject> trees,
                        TreesOf(store.catalog(), repo));
  const std::string& ref = request.spec.ref;
  const std::optional<std::string> commit =
      known.resolved ? std::nullopt : FindAmong(trees, ref);
  if (commit) {
    known.resolved = ResolvedRef{ref, *commit, {}};
    HUBD_ASSIGN_OR_RETURN(tree, FindTreeOf(store, repo.names, *commit));
  }
  if (!tree) known.others = Describe(trees, repo.refs.get());
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<KnownTree> LookUpTree(const FetchContext& context,
                                     const TreeRequest& request,
                                     absl::Time now) {
  Store& store = context.parts.store;
  const RepoSpec& spec = request.spec;
  HUBD_ASSIGN_OR_RETURN(KnownRepo repo, LookUpRepo(store.catalog(), spec.id));
  KnownTree known;
  known.repo = repo.id();
  std::optional<TreeObject> tree;
  if (IsCommit(spec.ref)) {
    HUBD_ASSIGN_OR_RETURN(tree, FindTreeOf(store, repo.names, spec.ref));
    if (tree && tree->unproven && request.proves_commit()) tree.reset();
    if (tree) known.resolved = ResolvedRef{spec.ref, spec.ref, {}};
  }
  if (!tree) {
    known.resolved = ResolveKnown(context, request, repo, now);
    if (known.resolved) {
      HUBD_ASSIGN_OR_RETURN(tree, FindResolved(store, request, repo.names,
                                               known.resolved->commit));
    }
  }
  if (!tree && request.offline) {
    HUBD_RETURN_IF_ERROR(LookUpOffline(context, request, repo, known, tree));
  }
  if (known.resolved) {
    // A ref is the word of who has the repo by now, whatever name its tree was
    // fetched under; a whole commit is none's.
    const bool is_commit = tree && IsCommit(spec.ref);
    HUBD_RETURN_IF_ERROR(
        AdmitMoved(request, is_commit ? tree->key.repo : known.repo));
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

absl::StatusOr<std::optional<TreeObject>> LookUpCommit(
    const FetchContext& context, const TreeRequest& request, const RepoId& repo,
    const std::string& commit) {
  Store& store = context.parts.store;
  HUBD_ASSIGN_OR_RETURN(KnownRepo known,
                        LookUpRepo(store.catalog(), request.spec.id));
  HUBD_ASSIGN_OR_RETURN(std::optional<TreeObject> tree,
                        FindResolved(store, request, known.names, commit));
  HUBD_RETURN_IF_ERROR(AdmitMoved(request, repo));
  return tree;
}

absl::StatusOr<std::optional<std::string>> LookUpBeginning(
    const FetchContext& context, const TreeRequest& request) {
  if (request.spec.ref.size() < kLeastBeginning) return std::nullopt;
  Catalog& catalog = context.parts.store.catalog();
  HUBD_ASSIGN_OR_RETURN(const KnownRepo known,
                        LookUpRepo(catalog, request.spec.id));
  HUBD_ASSIGN_OR_RETURN(const std::vector<TreeObject> trees,
                        TreesOf(catalog, known));
  return FindAmong(trees, request.spec.ref);
}

void SetTree(TreeObject tree, TreeResult& result) {
  result.warnings.insert(result.warnings.end(), tree.warnings.begin(),
                         tree.warnings.end());
  result.tree = std::move(tree);
}

}  // namespace hubd
