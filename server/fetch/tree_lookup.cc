#include "server/fetch/tree_lookup.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
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
    if (!tree.unproven && !tree.imported &&
        absl::StartsWith(tree.key.commit, ref)) {
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
                          catalog.TreesOfRepo(kSharedDomain, *name, ""));
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
    others.push_back(
        {tree.key.commit, tree.unproven,
         tree.imported ? tree.imported->ref : names[tree.key.commit]});
  }
  return others;
}

// The tree of a commit under any name, the newest one first.
absl::StatusOr<std::optional<TreeObject>> FindTreeOf(
    Store& store, const std::vector<RepoId>& names, const std::string& commit) {
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    for (const TreeKey& key :
         {KeyOfTree(*name, commit),
          TreeKey{kSharedDomain, *name, commit, kImportRoute}}) {
      HUBD_ASSIGN_OR_RETURN(std::optional<TreeObject> tree,
                            store.FindTree(key));
      if (tree) return tree;
    }
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
    // Else it is shown again next time.
    absl::StatusOr<TreeObject> proven = store.RecordProven(*tree);
    if (proven.ok()) tree = *std::move(proven);
  }
  return tree;
}

TreeResult ResultOf(const ResolvedRef& resolved, TreeObject tree) {
  TreeResult result;
  result.ref = resolved.ref;
  result.warnings = resolved.warnings;
  result.ambiguous_ref = resolved.ambiguous;
  result.cached = true;
  SetTree(std::move(tree), result);
  return result;
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
                           absl::Time now, KnownTree& known,
                           std::optional<TreeObject>& tree) {
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
  if (tree) return absl::OkStatus();
  known.others = Describe(trees, repo.refs.get());
  HUBD_ASSIGN_OR_RETURN(known.result, LookUpImported(context, request, now));
  return absl::OkStatus();
}

// The trees that original hubs' caches had of a repo, by the name of the ref;
// of one ref the youngest.
absl::StatusOr<std::map<std::string, TreeObject>> ImportsOf(
    Store& store, const std::vector<RepoId>& names) {
  std::map<std::string, TreeObject> imports;
  for (const RepoId& name : names) {
    HUBD_ASSIGN_OR_RETURN(
        std::vector<TreeObject> trees,
        store.catalog().TreesOfRepo(kSharedDomain, name, kImportRoute));
    for (TreeObject& tree : trees) {
      if (!tree.imported) continue;
      auto [found, added] = imports.try_emplace(tree.imported->ref, tree);
      if (!added && found->second.imported->as_of < tree.imported->as_of) {
        found->second = std::move(tree);
      }
    }
  }
  return imports;
}

// As the originals name a directory for a ref.
std::string AsDirectory(const std::string& ref) {
  return absl::StrReplaceAll(ref, {{"/", "_"}});
}

// Which of the imports is meant, by the rules for a remote that has just these
// branches; null: none.
const TreeObject* ResolveAmongImports(
    const TreeRequest& request,
    const std::map<std::string, TreeObject>& imports) {
  constexpr absl::string_view kHeads = "refs/heads/";
  Advertisement refs;
  for (const auto& [ref, tree] : imports) {
    refs.refs.push_back({absl::StrCat(kHeads, ref), tree.key.commit});
  }
  RepoSpec spec = request.spec;
  for (const std::string& ref : {spec.ref, ShortRefName(spec.ref)}) {
    spec.ref = AsDirectory(ref);
    absl::StatusOr<ResolvedRef> resolved =
        ResolveRef(spec, request.default_ref, /*skip_validation=*/false, refs);
    if (!resolved.ok()) continue;
    auto found = std::find_if(
        imports.begin(), imports.end(), [&resolved](const auto& import) {
          return import.second.key.commit == resolved->commit;
        });
    return &found->second;
  }
  return nullptr;
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
    if (tree && tree->unproven && context.options.many_users &&
        request.proves_commit()) {
      tree.reset();
    }
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
    HUBD_RETURN_IF_ERROR(
        LookUpOffline(context, request, repo, now, known, tree));
  }
  if (known.result) return known;
  if (known.resolved) {
    // A ref is the word of who has the repo by now, whatever name its tree was
    // fetched under; a whole commit is none's.
    const bool is_commit = tree && IsCommit(spec.ref);
    HUBD_RETURN_IF_ERROR(
        AdmitMoved(request, is_commit ? tree->key.repo : known.repo));
  }
  if (tree) known.result = ResultOf(*known.resolved, *std::move(tree));
  return known;
}

std::optional<TreeResult> TreeInMemory(const FetchContext& context,
                                       const TreeRequest& request,
                                       absl::Time now) {
  Store& store = context.parts.store;
  const RepoSpec& spec = request.spec;
  // Only a look at every ref shows what the beginning of a commit means.
  if (MayBeCommit(spec.ref) && !IsCommit(spec.ref)) return std::nullopt;
  KnownRepo repo;
  repo.names = {spec.id};
  // Null may also mean that they are no longer kept: a commit's tree under the
  // name that was asked for is the right one wherever the repo has moved.
  repo.refs = store.catalog().RefsInMemory(kSharedDomain, spec.id);
  if (repo.refs != nullptr) {
    if (repo.refs->moved_to) return std::nullopt;
    repo.asked_at = repo.refs->asked_at;
  }
  const std::optional<ResolvedRef> resolved =
      IsCommit(spec.ref) ? ResolvedRef{spec.ref, spec.ref, {}}
                         : ResolveKnown(context, request, repo, now);
  if (!resolved) return std::nullopt;
  std::optional<TreeObject> tree =
      store.TreeInMemory(KeyOfTree(spec.id, resolved->commit));
  if (!tree) return std::nullopt;
  // What proves it is written down, or is to be asked of the origin.
  if (tree->unproven && request.proves_commit() &&
      (context.options.many_users || !IsCommit(spec.ref))) {
    return std::nullopt;
  }
  return ResultOf(*resolved, *std::move(tree));
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

absl::StatusOr<std::optional<TreeResult>> LookUpImported(
    const FetchContext& context, const TreeRequest& request, absl::Time now) {
  if (request.pin) return std::nullopt;
  Store& store = context.parts.store;
  HUBD_ASSIGN_OR_RETURN(KnownRepo repo,
                        LookUpRepo(store.catalog(), request.spec.id));
  HUBD_ASSIGN_OR_RETURN(auto imports, ImportsOf(store, repo.names));
  const TreeObject* import = ResolveAmongImports(request, imports);
  if (import == nullptr) return std::nullopt;
  HUBD_ASSIGN_OR_RETURN(std::optional<TreeObject> tree,
                        store.FindTree(import->key));
  if (!tree) return std::nullopt;
  // Whoever has the repo by now, the code is of those who had its name then.
  HUBD_RETURN_IF_ERROR(AdmitMoved(request, tree->key.repo));
  TreeResult result;
  result.ref =
      request.spec.ref.empty() ? import->imported->ref : request.spec.ref;
  result.cached = true;
  result.stale_for = std::max(now - import->imported->as_of, absl::Seconds(1));
  result.warnings.push_back(
      absl::StrCat(tree->key.repo.ToString(), ":", result.ref,
                   " is as an imported cache had "
                   "it on ",
                   absl::FormatTime("%Y-%m-%d", import->imported->as_of,
                                    absl::UTCTimeZone()),
                   "; of which commit it is, nobody knows"));
  SetTree(*std::move(tree), result);
  return result;
}

void SetTree(TreeObject tree, TreeResult& result) {
  result.warnings.insert(result.warnings.end(), tree.warnings.begin(),
                         tree.warnings.end());
  result.tree = std::move(tree);
}

}  // namespace hubd
