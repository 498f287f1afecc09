#include "server/rpc/convert.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/digest.h"
#include "server/base/log.h"
#include "server/base/status.h"
#include "server/base/text.h"
#include "server/fetch/lock_file.h"
#include "server/fetch/tree_pin.h"

namespace hubd {
namespace {

constexpr int kMaxPageSize = 500;
constexpr int kMaxSites = 64;
constexpr size_t kMaxEnvironment = 256 << 10;
constexpr int kMaxNamedRepos = 1000;
constexpr size_t kMinCommit = 4;
constexpr size_t kMaxCommit = 40;
// What is shown of an origin's validator: pages of many must stay small.
constexpr size_t kMaxValidator = 1024;
// Of the texts about one of many damages.
constexpr size_t kMaxShown = 1024;

v1::Progress::Phase PhaseOf(Progress::Phase phase) {
  switch (phase) {
    case Progress::Phase::kQueued:
      return v1::Progress::QUEUED;
    case Progress::Phase::kResolving:
      return v1::Progress::RESOLVING;
    case Progress::Phase::kDownloading:
      return v1::Progress::DOWNLOADING;
    case Progress::Phase::kUnpacking:
      return v1::Progress::UNPACKING;
    case Progress::Phase::kRunning:
      return v1::Progress::RUNNING;
    case Progress::Phase::kVerifying:
      return v1::Progress::VERIFYING;
    case Progress::Phase::kImporting:
      return v1::Progress::IMPORTING;
    case Progress::Phase::kWaiting:
      return v1::Progress::WAITING;
    case Progress::Phase::kConnecting:
      return v1::Progress::CONNECTING;
  }
  return v1::Progress::PHASE_UNSPECIFIED;
}

const char* KindName(ImportEntry::Kind kind) {
  switch (kind) {
    case ImportEntry::Kind::kTree:
      return "tree";
    case ImportEntry::Kind::kCheckpoint:
      return "checkpoint";
    case ImportEntry::Kind::kTrust:
      return "trust";
    case ImportEntry::Kind::kOther:
      break;
  }
  return "other";
}

absl::StatusOr<DefaultRef> DefaultRefOf(v1::DefaultRef default_ref) {
  switch (default_ref) {
    case v1::DEFAULT_REF_UNSPECIFIED:
      return DefaultRef::kHead;
    case v1::DEFAULT_REF_MAIN_ELSE_MASTER:
      return DefaultRef::kMainElseMaster;
    case v1::DEFAULT_REF_MASTER:
      return DefaultRef::kMaster;
    default:
      return absl::InvalidArgumentError(absl::StrCat(
          "this daemon knows no default_ref ", static_cast<int>(default_ref),
          "; name a ref in the repo, or use a newer hubd"));
  }
}

absl::Status CheckPath(const std::string& path, absl::string_view what) {
  if (!path.empty() && path[0] == '/' && path.find('\0') == std::string::npos) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "interpreter.", what, " is \"", absl::CHexEscape(path),
      "\", not an absolute path; send what the Python that shall run "
      "hubconf.py says of itself"));
}

absl::StatusOr<LentEnvironment> EnvironmentOf(
    const google::protobuf::Map<std::string, std::string>& variables) {
  if (variables.empty()) return nullptr;
  size_t size = 0;
  for (const auto& [name, value] : variables)
    size += name.size() + value.size();
  if (size > kMaxEnvironment) {
    return absl::InvalidArgumentError(
        absl::StrCat("environment has ", size,
                     " bytes; send only the variables "
                     "that hub.proto names, at most ",
                     kMaxEnvironment, " bytes of them"));
  }
  return std::make_shared<const CallerEnvironment>(variables.begin(),
                                                   variables.end());
}

// Under a lock, what it says takes the place of what the ref means. `commit`:
// which one the caller wants besides; may be empty.
absl::Status HoldToLock(const std::string& text, const std::string& commit,
                        TreeRequest& request) {
  HUBD_ASSIGN_OR_RETURN(const LockFile lock, LockFile::Parse(text));
  HUBD_ASSIGN_OR_RETURN(LockedRepo entry, lock.FindRepo(request.spec));
  if (!commit.empty() && commit != entry.commit) {
    const std::string repo = entry.repo.ToString();
    return ReasonError(
        Reason::kNotLocked,
        absl::StrCat("the commit ", commit, " of ", repo,
                     " is not in the lock file, which has ", entry.commit,
                     ": hubctl lock ", repo, ":", commit, " adds it"),
        {{"repo", repo}, {"ref", commit}, {"locked", entry.commit}});
  }
  PinTo(entry.commit,
        {.ref = std::move(entry.ref),
         .route = std::move(entry.route),
         .digest = std::move(entry.digest)},
        request);
  return absl::OkStatus();
}

absl::Status HoldToLock(const std::string& text, CheckpointRequest& request) {
  HUBD_ASSIGN_OR_RETURN(const LockFile lock, LockFile::Parse(text));
  HUBD_ASSIGN_OR_RETURN(LockedCheckpoint entry,
                        lock.FindCheckpoint(request.url));
  if (!absl::StartsWith(entry.sha256, request.sha256_prefix)) {
    const std::string url = RedactUrl(request.url);
    return ReasonError(
        Reason::kDigestMismatch,
        absl::StrCat("the lock file has the sha256 ", entry.sha256, " for ",
                     url, ", not ", request.sha256_prefix,
                     "; check the expected value, or bring the lock file up to "
                     "date with hubctl lock"),
        {{"url", url},
         {"expected", request.sha256_prefix},
         {"actual", entry.sha256}});
  }
  request.sha256_prefix = std::move(entry.sha256);
  request.locked = true;
  request.refresh = false;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TreeRequest> FromProto(const v1::TreeSelector& selector) {
  TreeRequest request;
  HUBD_ASSIGN_OR_RETURN(request.spec, ParseRepoSpec(selector.repo()));
  HUBD_ASSIGN_OR_RETURN(request.default_ref,
                        DefaultRefOf(selector.default_ref()));
  request.refresh = selector.refresh();
  request.skip_validation = selector.skip_validation();
  request.offline = selector.offline();
  HUBD_ASSIGN_OR_RETURN(request.environment,
                        EnvironmentOf(selector.environment()));
  const std::string& commit = selector.commit();
  if (!commit.empty() && !IsCommit(commit)) {
    return absl::InvalidArgumentError(
        absl::StrCat("commit \"", absl::CHexEscape(commit),
                     "\" is not 40 lower-case hex digits"));
  }
  if (selector.has_lock()) {
    HUBD_RETURN_IF_ERROR(HoldToLock(selector.lock(), commit, request));
  } else if (!commit.empty()) {
    PinTo(commit, {}, request);
  }
  return request;
}

absl::StatusOr<CheckpointRequest> FromProto(
    const v1::FetchStateDictRequest& request) {
  const std::string& prefix = request.sha256_prefix();
  if (!prefix.empty() && !IsSha256Prefix(prefix)) {
    return absl::InvalidArgumentError(
        absl::StrCat("sha256_prefix \"", absl::CHexEscape(prefix),
                     "\" is not 1 to 64 lower-case hex digits; send the start "
                     "of the file's SHA-256, or nothing for no check"));
  }
  CheckpointRequest checkpoint{.url = request.url(),
                               .sha256_prefix = prefix,
                               .refresh = request.refresh(),
                               .offline = request.offline(),
                               .reject_pages = request.reject_pages(),
                               .unpack = request.unpack()};
  HUBD_ASSIGN_OR_RETURN(checkpoint.environment,
                        EnvironmentOf(request.environment()));
  if (request.has_lock()) {
    HUBD_RETURN_IF_ERROR(HoldToLock(request.lock(), checkpoint));
  }
  return checkpoint;
}

absl::StatusOr<VerifyRequest> FromProto(const v1::VerifyRequest& request) {
  VerifyRequest verify;
  verify.quick = request.quick();
  if (request.repo().empty()) return verify;
  HUBD_ASSIGN_OR_RETURN(RepoSpec spec, ParseRepoSpec(request.repo()));
  const size_t digits = spec.ref.size();
  if (!spec.ref.empty() && (digits < kMinCommit || digits > kMaxCommit ||
                            !IsSha256Prefix(spec.ref))) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", spec.ref,
                     "\" is no commit: what is verified is named by its repo, "
                     "or by repo and commit, 4 to 40 hex digits"));
  }
  verify.repo = std::move(spec.id);
  verify.commit_prefix = std::move(spec.ref);
  return verify;
}

absl::StatusOr<RepairRequest> FromProto(const v1::RepairRequest& request) {
  RepairRequest repair;
  HUBD_ASSIGN_OR_RETURN(repair.verify, FromProto(request.verify()));
  repair.offline = request.offline();
  HUBD_ASSIGN_OR_RETURN(repair.environment,
                        EnvironmentOf(request.environment()));
  return repair;
}

absl::Status CheckInterpreter(const v1::Interpreter& interpreter) {
  HUBD_RETURN_IF_ERROR(CheckPath(interpreter.executable(), "executable"));
  HUBD_RETURN_IF_ERROR(CheckPath(interpreter.prefix(), "prefix"));
  HUBD_RETURN_IF_ERROR(CheckPath(interpreter.base_prefix(), "base_prefix"));
  if (interpreter.site_directories_size() > kMaxSites) {
    return absl::InvalidArgumentError(
        absl::StrCat("interpreter.site_directories has ",
                     interpreter.site_directories_size(), " entries; at most ",
                     kMaxSites, " are taken"));
  }
  for (const std::string& directory : interpreter.site_directories()) {
    HUBD_RETURN_IF_ERROR(CheckPath(directory, "site_directories"));
  }
  if (absl::StrContains(interpreter.ld_library_path(), '\0')) {
    return absl::InvalidArgumentError(
        "interpreter.ld_library_path holds a NUL");
  }
  return absl::OkStatus();
}

absl::StatusOr<ImportRequest> FromProto(const v1::ImportRequest& request) {
  ImportRequest import;
  import.directory = request.directory();
  if (!absl::StartsWith(import.directory, "/") ||
      absl::StrContains(import.directory, '\0')) {
    return absl::InvalidArgumentError(
        absl::StrCat("directory \"", absl::CHexEscape(import.directory),
                     "\" is not an absolute path"));
  }
  if (request.repos_size() > kMaxNamedRepos) {
    return absl::InvalidArgumentError(
        absl::StrCat(request.repos_size(), " repos are named; at most ",
                     kMaxNamedRepos, " are taken"));
  }
  for (const std::string& repo : request.repos()) {
    HUBD_ASSIGN_OR_RETURN(NamedRepo named, ParseNamedRepo(repo));
    import.repos.push_back(std::move(named));
  }
  return import;
}

absl::StatusOr<int> PageSizeOf(int32_t asked) {
  if (asked < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("page_size ", asked, " is negative; send 1 to ",
                     kMaxPageSize, ", or 0 for ", kMaxPageSize));
  }
  return asked == 0 ? kMaxPageSize : std::min<int>(asked, kMaxPageSize);
}

v1::Progress ToProto(const Progress& progress) {
  v1::Progress proto;
  proto.set_phase(PhaseOf(progress.phase));
  proto.set_subject(CleanText(progress.subject));
  proto.set_done_bytes(progress.done_bytes);
  proto.set_total_bytes(progress.total_bytes);
  proto.set_connections(progress.connections);
  proto.set_failures(progress.failures);
  proto.set_last_error(CleanText(progress.last_error));
  if (progress.resume_at != absl::InfinitePast()) {
    proto.set_resume_at(absl::ToUnixSeconds(progress.resume_at));
  }
  return proto;
}

v1::Tree ToProto(const TreeObject& tree) {
  v1::Tree proto;
  proto.set_repo(tree.key.repo.ToString());
  proto.set_ref(tree.imported ? CleanText(tree.imported->ref)
                              : tree.key.commit);
  proto.set_commit(tree.key.commit);
  proto.set_route(tree.key.route);
  proto.set_path(tree.path);
  proto.set_size_bytes(tree.size_bytes);
  proto.set_created_at(absl::ToUnixSeconds(tree.created_at));
  for (const std::string& warning : tree.warnings)
    proto.add_warnings(CleanText(warning));
  proto.set_digest(tree.digest);
  return proto;
}

v1::Tree ToProto(const TreeResult& result) {
  v1::Tree proto = ToProto(result.tree);
  proto.set_ref(result.ref);
  proto.set_cached(result.cached);
  proto.set_stale_for_seconds(absl::ToInt64Seconds(result.stale_for));
  proto.set_ambiguous_ref(result.ambiguous_ref);
  proto.clear_warnings();
  for (const std::string& warning : result.warnings) {
    proto.add_warnings(CleanText(warning));
  }
  return proto;
}

v1::Checkpoint ToProto(const CheckpointObject& checkpoint) {
  v1::Checkpoint proto;
  proto.set_url(checkpoint.url);
  proto.set_sha256(checkpoint.sha256);
  proto.set_size_bytes(checkpoint.size_bytes);
  proto.set_path(checkpoint.path);
  proto.set_etag(CleanText(checkpoint.etag, kMaxValidator));
  proto.set_last_modified(CleanText(checkpoint.last_modified, kMaxValidator));
  proto.set_created_at(absl::ToUnixSeconds(checkpoint.created_at));
  return proto;
}

v1::Checkpoint ToProto(const CheckpointResult& result) {
  v1::Checkpoint proto = ToProto(result.checkpoint);
  proto.set_unpacked_path(result.unpacked.path);
  for (const std::string& member : result.unpacked.members) {
    proto.add_members(CleanText(member));
  }
  proto.set_cached(result.cached);
  for (const std::string& warning : result.warnings) {
    proto.add_warnings(CleanText(warning));
  }
  return proto;
}

v1::VerifyResult ToProto(const VerifyReport& report) {
  v1::VerifyResult proto;
  proto.set_trees(report.trees);
  proto.set_blobs(report.blobs);
  proto.set_bytes(report.bytes);
  proto.set_complete(report.complete);
  proto.set_unchanged(report.unchanged);
  for (const Damage& damage : report.damages) {
    v1::Damage& one = *proto.add_damages();
    one.set_kind(damage.kind == Damage::Kind::kTree ? "tree" : "blob");
    one.set_name(CleanText(damage.name, kMaxShown));
    one.set_path(damage.path);
    one.set_expected(damage.expected);
    one.set_actual(damage.actual);
    one.set_problem(CleanText(damage.problem, kMaxShown));
    one.set_removed(damage.removed);
    one.set_repaired(damage.repaired);
    one.set_unrepaired(CleanText(damage.unrepaired, kMaxShown));
  }
  return proto;
}

v1::ImportResult ToProto(const ImportReport& report) {
  v1::ImportResult proto;
  proto.set_trees(report.trees);
  proto.set_checkpoints(report.checkpoints);
  proto.set_trusted(report.trusted);
  proto.set_skipped(report.skipped);
  proto.set_size_bytes(report.size_bytes);
  proto.set_complete(report.complete);
  for (const ImportEntry& entry : report.entries) {
    v1::ImportEntry& one = *proto.add_entries();
    one.set_path(CleanText(entry.path, kMaxShown));
    one.set_kind(KindName(entry.kind));
    one.set_name(CleanText(entry.name, kMaxShown));
    one.set_size_bytes(entry.size_bytes);
    one.set_how(entry.how);
    one.set_problem(CleanText(entry.problem, kMaxShown));
  }
  return proto;
}

v1::PruneResponse ToProto(const PrunedPartials& pruned) {
  v1::PruneResponse proto;
  proto.set_removed(pruned.removed);
  proto.set_removed_bytes(pruned.removed_bytes);
  proto.set_in_use(pruned.in_use);
  proto.set_in_use_bytes(pruned.in_use_bytes);
  return proto;
}

v1::TrustEntry ToProto(const TrustEntry& entry) {
  v1::TrustEntry proto;
  proto.set_repo(entry.repo.ToString());
  proto.set_hub_dir(entry.hub_dir);
  proto.set_created_at(absl::ToUnixSeconds(entry.created_at));
  return proto;
}

v1::Caller ToProto(const Caller& caller) {
  v1::Caller proto;
  proto.set_uid(caller.uid);
  proto.set_gid(caller.gid);
  proto.set_pid(caller.pid);
  return proto;
}

}  // namespace hubd
