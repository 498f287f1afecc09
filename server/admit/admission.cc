#include "server/admit/admission.h"

#include <climits>
#include <filesystem>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/status.h"

namespace hubd {
namespace {

constexpr uid_t kRoot = 0;

// One spelling for one directory: "/a//b/./c/" and "/a/b/c" are the same entry.
absl::StatusOr<std::string> NormalHubDir(const std::string& hub_dir) {
  if (hub_dir.empty()) return hub_dir;
  if (hub_dir[0] != '/' || hub_dir.size() >= PATH_MAX ||
      hub_dir.find('\0') != std::string::npos) {
    return absl::InvalidArgumentError(
        "hub_dir is not an absolute path of at most 4095 bytes; send what "
        "get_dir() says");
  }
  std::string normal =
      std::filesystem::path(hub_dir).lexically_normal().string();
  while (normal.size() > 1 && normal.back() == '/') normal.pop_back();
  return normal;
}

}  // namespace

Admission::Admission(Options options, Catalog& catalog, const Clock& clock)
    : options_(options), catalog_(catalog), clock_(clock) {}

absl::Status Admission::AdmitCaller(const Caller& caller) const {
  if (caller.uid == kNobody) {
    return ReasonError(Reason::kNotYours,
                       "the kernel does not say who calls; connect over the "
                       "daemon's unix socket");
  }
  if (options_.system_mode || caller.uid == options_.uid ||
      caller.uid == kRoot) {
    return absl::OkStatus();
  }
  return ReasonError(
      Reason::kNotYours,
      absl::StrCat("this daemon serves uid ", options_.uid, ", not uid ",
                   caller.uid,
                   "; use a daemon of your own (leave HUBD_SOCKET unset)"));
}

bool Admission::IsAdministrator(const Caller& caller) const {
  return caller.uid == kRoot ||
         (!options_.system_mode && caller.uid == options_.uid);
}

absl::Status Admission::AdmitImport() const {
  if (!options_.system_mode) return absl::OkStatus();
  return ReasonError(
      Reason::kNotYours,
      "the system daemon's cache is for all users, and of what a directory "
      "has nobody can say that it is what its names promise; import it into a "
      "cache of your own: run hubd --dir DIR, and name its socket with "
      "--socket");
}

absl::Status Admission::AdmitPrune(const Caller& caller) const {
  if (!options_.system_mode || caller.uid == kRoot) return absl::OkStatus();
  return ReasonError(Reason::kNotYours,
                     "the system daemon's cache is for all users: only root "
                     "prunes it");
}

absl::StatusOr<Admission::Trust> Admission::CheckTrust(
    const Caller& caller, const RepoId& repo,
    const std::string& hub_dir) const {
  HUBD_ASSIGN_OR_RETURN(std::string dir, NormalHubDir(hub_dir));
  Trust trust;
  HUBD_ASSIGN_OR_RETURN(std::optional<TrustEntry> here,
                        catalog_.LookupTrust(caller.uid, repo, dir));
  trust.trusted_here = here.has_value();
  trust.trusted = trust.trusted_here;
  if (!trust.trusted && !dir.empty()) {
    HUBD_ASSIGN_OR_RETURN(std::optional<TrustEntry> general,
                          catalog_.LookupTrust(caller.uid, repo, ""));
    trust.trusted = general.has_value();
  }
  // The administrator's general word counts for everyone.
  if (!trust.trusted && options_.system_mode && caller.uid != kRoot) {
    HUBD_ASSIGN_OR_RETURN(std::optional<TrustEntry> administrator,
                          catalog_.LookupTrust(kRoot, repo, ""));
    trust.trusted = administrator.has_value();
  }
  return trust;
}

absl::Status Admission::RequireTrust(const Caller& caller, const RepoId& repo,
                                     const std::string& hub_dir) const {
  HUBD_ASSIGN_OR_RETURN(Trust trust, CheckTrust(caller, repo, hub_dir));
  if (trust.trusted) return absl::OkStatus();
  std::string name = repo.ToString();
  return ReasonError(
      Reason::kRepoNotTrusted,
      absl::StrCat("you do not trust ", name,
                   ", and its code would run outside a sandbox; if you do, "
                   "run: hubctl trust add ",
                   name),
      {{"repo", name}, {"hub_dir", hub_dir}});
}

absl::StatusOr<std::pair<TrustEntry, bool>> Admission::AddTrust(
    const Caller& caller, const RepoId& repo, const std::string& hub_dir) {
  HUBD_ASSIGN_OR_RETURN(std::string dir, NormalHubDir(hub_dir));
  TrustEntry entry{.uid = caller.uid,
                   .repo = repo,
                   .hub_dir = dir,
                   .created_at = clock_.Now()};
  HUBD_ASSIGN_OR_RETURN(bool added, catalog_.AddTrust(entry));
  if (!added) {
    HUBD_ASSIGN_OR_RETURN(std::optional<TrustEntry> known,
                          catalog_.LookupTrust(caller.uid, repo, dir));
    // It may have been removed in between; then this answer is as good.
    if (known) entry = *std::move(known);
  }
  return std::make_pair(std::move(entry), added);
}

absl::StatusOr<int> Admission::RemoveTrust(const Caller& caller,
                                           const RepoId& repo,
                                           const std::string& hub_dir,
                                           bool everywhere) {
  if (everywhere) return catalog_.RemoveAllTrust(caller.uid, repo);
  HUBD_ASSIGN_OR_RETURN(std::string dir, NormalHubDir(hub_dir));
  return catalog_.RemoveTrust(caller.uid, repo, dir);
}

absl::StatusOr<Page<TrustEntry>> Admission::ListTrust(
    const Caller& caller, const std::string& hub_dir, int page_size,
    const std::string& token) const {
  HUBD_ASSIGN_OR_RETURN(std::string dir, NormalHubDir(hub_dir));
  std::optional<std::string> where;
  if (!dir.empty()) where = std::move(dir);
  return catalog_.ListTrust(caller.uid, where, page_size, token);
}

}  // namespace hubd
