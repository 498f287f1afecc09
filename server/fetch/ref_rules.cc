#include "server/fetch/ref_rules.h"

#include <algorithm>
#include <optional>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/digest.h"
#include "server/base/status.h"

namespace hubd {
namespace {

constexpr char kHeads[] = "refs/heads/";
constexpr char kTags[] = "refs/tags/";
constexpr size_t kMinPrefix = 4;

const AdvertisedRef* Find(const Advertisement& advertisement,
                          const std::string& name) {
  auto found = std::lower_bound(
      advertisement.refs.begin(), advertisement.refs.end(), name,
      [](const AdvertisedRef& ref, const std::string& wanted) {
        return ref.name < wanted;
      });
  if (found == advertisement.refs.end() || found->name != name) return nullptr;
  return &*found;
}

absl::StatusOr<ResolvedRef> ResolveDefault(const RepoSpec& spec,
                                           DefaultRef default_ref,
                                           const Advertisement& advertisement) {
  std::vector<std::string> wanted;
  if (default_ref == DefaultRef::kMainElseMaster) {
    wanted = {"refs/heads/main", "refs/heads/master", advertisement.head};
  } else if (default_ref == DefaultRef::kMaster) {
    wanted = {"refs/heads/master", advertisement.head};
  } else {
    // A remote that hides where HEAD leads still has a branch of usual name.
    wanted = {advertisement.head, "refs/heads/main", "refs/heads/master"};
  }
  for (const std::string& name : wanted) {
    if (const AdvertisedRef* ref = Find(advertisement, name)) {
      return ResolvedRef{ShortRefName(ref->name), ref->commit, {}};
    }
  }
  return ReasonError(
      Reason::kRefNotFound,
      absl::StrCat(spec.id.Url(), " has no default branch; name a ref: ",
                   spec.id.ToString(), ":REF"),
      {{"repo", spec.id.ToString()}, {"ref", ""}});
}

absl::Status NotFound(const RepoSpec& spec, bool looks_like_commit) {
  std::string message =
      absl::StrCat("Cannot find ", spec.ref, " in ", spec.id.Url());
  absl::StrAppend(
      &message,
      looks_like_commit
          ? ": no branch or tag points to that commit; it may be a fork's. "
            "Name the fork, or skip the validation of its origin"
          : ": it has no such branch or tag. With --offline a cached one is "
            "still served");
  return ReasonError(Reason::kRefNotFound, message,
                     {{"repo", spec.id.ToString()}, {"ref", spec.ref}});
}

absl::StatusOr<ResolvedRef> ResolveCommit(const RepoSpec& spec,
                                          bool skip_validation,
                                          const Advertisement& advertisement) {
  std::set<std::string> commits;
  for (const AdvertisedRef& ref : advertisement.refs) {
    if (absl::StartsWith(ref.commit, spec.ref)) commits.insert(ref.commit);
  }
  if (commits.size() == 1) return ResolvedRef{spec.ref, *commits.begin(), {}};
  if (commits.size() > 1) {
    return ReasonError(
        Reason::kRefNotFound,
        absl::StrCat(spec.ref, " is the beginning of ", commits.size(),
                     " commits of ", spec.id.Url(), "; write more digits"),
        {{"repo", spec.id.ToString()}, {"ref", spec.ref}});
  }
  if (skip_validation && IsCommit(spec.ref)) {
    return ResolvedRef{spec.ref, spec.ref, {}};
  }
  return NotFound(spec, /*looks_like_commit=*/true);
}

}  // namespace

std::string ShortRefName(absl::string_view full) {
  for (absl::string_view prefix : {kHeads, kTags}) {
    if (absl::StartsWith(full, prefix)) {
      return std::string(full.substr(prefix.size()));
    }
  }
  return std::string(full);
}

bool MayBeCommit(absl::string_view ref) {
  return ref.size() >= kMinPrefix && ref.size() <= 40 && IsSha256Prefix(ref);
}

bool MayBeOlderCommit(absl::string_view ref,
                      const Advertisement& advertisement) {
  return MayBeCommit(ref) &&
         std::none_of(advertisement.refs.begin(), advertisement.refs.end(),
                      [ref](const AdvertisedRef& advertised) {
                        return absl::StartsWith(advertised.commit, ref);
                      });
}

absl::StatusOr<ResolvedRef> ResolveRef(const RepoSpec& spec,
                                       DefaultRef default_ref,
                                       bool skip_validation,
                                       const Advertisement& advertisement) {
  if (spec.ref.empty()) {
    return ResolveDefault(spec, default_ref, advertisement);
  }
  if (const AdvertisedRef* full = Find(advertisement, spec.ref)) {
    return ResolvedRef{spec.ref, full->commit, {}};
  }
  const AdvertisedRef* branch = Find(advertisement, kHeads + spec.ref);
  const AdvertisedRef* tag = Find(advertisement, kTags + spec.ref);
  if (branch != nullptr && tag != nullptr && branch->commit != tag->commit) {
    return ResolvedRef{
        spec.ref,
        branch->commit,
        {absl::StrCat("The ref ", spec.ref,
                      " is ambiguous. Perhaps it is both a tag and a branch in "
                      "the repo? hubd will now assume that it's a branch. You "
                      "can disambiguate tags and branches of ",
                      spec.id.ToString(), " by explicitly passing refs/heads/",
                      spec.ref, " or refs/tags/", spec.ref, " as the ref.")},
        /*ambiguous=*/true};
  }
  if (branch != nullptr) return ResolvedRef{spec.ref, branch->commit, {}};
  if (tag != nullptr) return ResolvedRef{spec.ref, tag->commit, {}};
  if (MayBeCommit(spec.ref)) {
    return ResolveCommit(spec, skip_validation, advertisement);
  }
  return NotFound(spec, /*looks_like_commit=*/false);
}

}  // namespace hubd
