#include "server/fetch/whole_tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/beneath.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "server/base/text.h"
#include "server/fetch/lfs_content.h"
#include "server/fetch/member_path.h"
#include "server/fetch/submodule_repo.h"
#include "server/fetch/tree_source.h"
#include "server/net/mirrors.h"

namespace hubd {
namespace {

constexpr char kModules[] = ".gitmodules";
constexpr int64_t kMaxModules = 1 << 20;
constexpr int kMaxDepth = 8;
// They are kept with the tree.
constexpr size_t kMaxWarnings = 50;

// Whether it says for good that a submodule is not to be had.
bool LeavesSubmoduleOut(const absl::Status& status) {
  const std::optional<Reason> reason = ReasonOf(status);
  return reason == Reason::kRepoNotFound || reason == Reason::kRefNotFound ||
         reason == Reason::kUpstreamForbidden ||
         reason == Reason::kUrlNotAllowed || reason == Reason::kInvalidUrl ||
         reason == Reason::kInvalidRepo;
}

// A path to an open directory: no link is on its way.
std::string PathOf(const UniqueFd& directory) {
  return absl::StrCat("/proc/self/fd/", directory.get());
}

bool IsEmpty(const UniqueFd& directory) {
  const auto names = ListDirectory(PathOf(directory));
  return names.ok() && names->empty();
}

// What went wrong with `what` of a commit.
absl::Status Failed(const TreeKey& key, const absl::Status& why,
                    absl::string_view what) {
  return Annotate(why, absl::StrCat("cannot load ", key.repo.ToString(), " at ",
                                    key.commit, ": ", what));
}

// Counts a submodule, named so, into the tree that it is part of.
void Add(const UnpackedTree& submodule, absl::string_view name,
         UnpackedTree& tree) {
  tree.size_bytes += submodule.size_bytes;
  tree.entry_count += submodule.entry_count;
  for (const std::string& warning : submodule.warnings) {
    tree.warnings.push_back(absl::StrCat("in ", name, ": ", warning));
  }
}

class WholeTree {
 public:
  WholeTree(const UnpackFilesFn& unpack, UnpackMeter& meter,
            FlightTable::Context& flight)
      : unpack_(unpack), meter_(meter), flight_(flight) {}

  // `depth`: of how many submodules it is one.
  absl::StatusOr<UnpackedTree> Fetch(const FetchContext& context,
                                     const TreeKey& key,
                                     const std::string& directory, int depth);

 private:
  absl::StatusOr<UnpackedTree> AddSubmodules(const FetchContext& context,
                                             const TreeKey& key, int root,
                                             int depth, UnpackedTree tree);
  // REF_NOT_FOUND, or another refusal, where it stays out.
  absl::StatusOr<UnpackedTree> FetchSubmodule(const FetchContext& context,
                                              const TreeKey& key, int root,
                                              int depth,
                                              const GitSubmodule& submodule);
  absl::StatusOr<std::vector<GitSubmodule>> List(const FetchContext& context,
                                                 const TreeKey& key, int root);

  const UnpackFilesFn& unpack_;
  UnpackMeter& meter_;
  FlightTable::Context& flight_;
};

absl::StatusOr<UnpackedTree> WholeTree::Fetch(const FetchContext& context,
                                              const TreeKey& key,
                                              const std::string& directory,
                                              int depth) {
  HUBD_ASSIGN_OR_RETURN(UnpackedTree tree, unpack_(context, key, directory));
  const UniqueFd root(::open(directory.c_str(), static_cast<int>(kOpenFolder)));
  if (!root.valid()) {
    return ErrnoError(errno, absl::StrCat("cannot open ", directory));
  }
  HUBD_ASSIGN_OR_RETURN(tree, WithLfsContent(context, key, root.get(),
                                             std::move(tree), meter_, flight_));
  if (!tree.has_submodules) return tree;
  return AddSubmodules(context, key, root.get(), depth, std::move(tree));
}

absl::StatusOr<UnpackedTree> WholeTree::AddSubmodules(
    const FetchContext& context, const TreeKey& key, int root, int depth,
    UnpackedTree tree) {
  const auto submodules = List(context, key, root);
  if (ReasonOf(submodules.status()) == Reason::kBadArchive ||
      LeavesSubmoduleOut(submodules.status())) {
    tree.warnings.push_back(
        absl::StrCat("the repo has submodules (.gitmodules) whose files are "
                     "not in the tree: ",
                     submodules.status().message()));
    return tree;
  }
  if (!submodules.ok()) {
    return Failed(key, submodules.status(), "its submodules");
  }
  for (const GitSubmodule& submodule : *submodules) {
    const std::string name =
        absl::StrCat("the submodule ", ShownName(submodule.path));
    const auto added = FetchSubmodule(context, key, root, depth, submodule);
    if (added.ok()) {
      Add(*added, name, tree);
    } else if (LeavesSubmoduleOut(added.status())) {
      tree.warnings.push_back(
          absl::StrCat(name, " (", ShownName(WithoutUserInfo(submodule.url)),
                       ") is not in the tree: ", added.status().message()));
    } else {
      return Failed(key, added.status(), name);
    }
  }
  for (const std::string& path : tree.detours) {
    if (!LeadsOut(root, path)) continue;
    return Failed(key,
                  ReasonError(Reason::kBadArchive,
                              "it leads out of the tree through a submodule; "
                              "nothing of it is kept. Try another ref"),
                  absl::StrCat("the link ", ShownName(path)));
  }
  return tree;
}

absl::StatusOr<std::vector<GitSubmodule>> WholeTree::List(
    const FetchContext& context, const TreeKey& key, int root) {
  const UniqueFd file =
      OpenBeneath(root, kModules, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  struct stat info;
  if (!file.valid() || ::fstat(file.get(), &info) != 0) {
    return ErrnoError(errno, "cannot open .gitmodules");
  }
  if (!S_ISREG(info.st_mode) || info.st_size > kMaxModules) {
    return ReasonError(Reason::kBadArchive, ".gitmodules is over 1 MiB");
  }
  HUBD_ASSIGN_OR_RETURN(const std::string modules,
                        ReadFile(PathOf(file), kMaxModules));
  const FetchParts& parts = context.parts;
  std::vector<GitSubmodule> submodules;
  HUBD_RETURN_IF_ERROR(
      AskInTurn(parts.mirrors.SourcesOf(key.repo.Url()),
                [&](const Source& source) -> absl::Status {
                  HUBD_ASSIGN_OR_RETURN(const Staging scratch,
                                        parts.store.StageDirectory());
                  HUBD_ASSIGN_OR_RETURN(
                      submodules, parts.ObjectsAt(source).ListSubmodules(
                                      context.GitSourceAt(source), key.commit,
                                      modules, scratch.path(), flight_.stop()));
                  return absl::OkStatus();
                }));
  return submodules;
}

absl::StatusOr<UnpackedTree> WholeTree::FetchSubmodule(
    const FetchContext& context, const TreeKey& key, int root, int depth,
    const GitSubmodule& submodule) {
  if (submodule.url.empty()) {
    return ReasonError(Reason::kInvalidRepo,
                       ".gitmodules has no URL for its path");
  }
  HUBD_ASSIGN_OR_RETURN(const RepoId repo,
                        RepoOfSubmodule(key.repo, submodule.url));
  if (depth == kMaxDepth) {
    return ReasonError(
        Reason::kRefNotFound,
        absl::StrCat("submodules are nested more than ", kMaxDepth, " deep"));
  }
  // Nothing is written over; and the unpacker makes no folder in a ".git".
  const UniqueFd folder = OpenBeneath(root, submodule.path, kOpenFolder);
  if (!folder.valid() || !IsEmpty(folder)) {
    return ReasonError(Reason::kRefNotFound,
                       "the files of the commit have no empty folder for it");
  }
  TreeKey its = KeyOfTree(repo, submodule.commit);
  its.domain = key.domain;
  // The repo's word alone must not show the caller's logins to a host.
  FetchContext its_context = context;
  if (repo.host != key.repo.host) its_context.environment = nullptr;
  return Fetch(its_context, its, PathOf(folder), depth + 1);
}

}  // namespace

absl::StatusOr<UnpackedTree> FetchWholeTree(const FetchContext& context,
                                            const TreeKey& key,
                                            const std::string& directory,
                                            const UnpackFilesFn& unpack,
                                            UnpackMeter& meter,
                                            FlightTable::Context& flight) {
  HUBD_ASSIGN_OR_RETURN(
      UnpackedTree tree,
      WholeTree(unpack, meter, flight).Fetch(context, key, directory, 0));
  if (tree.warnings.size() > kMaxWarnings) {
    const size_t more = tree.warnings.size() - kMaxWarnings;
    tree.warnings.resize(kMaxWarnings);
    tree.warnings.push_back(
        absl::StrCat(more, " more things are wrong with the tree"));
  }
  return tree;
}

}  // namespace hubd
