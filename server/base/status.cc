#include "server/base/status.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace hubd {
namespace {

constexpr char kPayloadUrl[] = "hubd/error-info";

struct ReasonRow {
  Reason reason;
  absl::string_view name;
  absl::StatusCode code;
};

using Code = absl::StatusCode;

constexpr ReasonRow kReasons[] = {
    {Reason::kInvalidRepo, "INVALID_REPO", Code::kInvalidArgument},
    {Reason::kInvalidUrl, "INVALID_URL", Code::kInvalidArgument},
    {Reason::kBadEntrypointArgs, "BAD_ENTRYPOINT_ARGS", Code::kInvalidArgument},
    {Reason::kInvalidLock, "INVALID_LOCK", Code::kInvalidArgument},
    {Reason::kRepoNotFound, "REPO_NOT_FOUND", Code::kNotFound},
    {Reason::kRefNotFound, "REF_NOT_FOUND", Code::kNotFound},
    {Reason::kEntrypointNotFound, "ENTRYPOINT_NOT_FOUND", Code::kNotFound},
    {Reason::kCheckpointNotFound, "CHECKPOINT_NOT_FOUND", Code::kNotFound},
    {Reason::kRepoNotTrusted, "REPO_NOT_TRUSTED", Code::kFailedPrecondition},
    {Reason::kHubconfMissing, "HUBCONF_MISSING", Code::kFailedPrecondition},
    {Reason::kMissingDependency, "MISSING_DEPENDENCY",
     Code::kFailedPrecondition},
    {Reason::kOfflineMiss, "OFFLINE_MISS", Code::kFailedPrecondition},
    {Reason::kNotLocked, "NOT_LOCKED", Code::kFailedPrecondition},
    {Reason::kEntrypointFailed, "ENTRYPOINT_FAILED", Code::kFailedPrecondition},
    {Reason::kSandboxViolation, "SANDBOX_VIOLATION", Code::kFailedPrecondition},
    {Reason::kSandboxUnavailable, "SANDBOX_UNAVAILABLE",
     Code::kFailedPrecondition},
    {Reason::kUpstreamForbidden, "UPSTREAM_FORBIDDEN", Code::kPermissionDenied},
    {Reason::kUrlNotAllowed, "URL_NOT_ALLOWED", Code::kPermissionDenied},
    {Reason::kNotYours, "NOT_YOURS", Code::kPermissionDenied},
    {Reason::kRateLimited, "RATE_LIMITED", Code::kUnavailable},
    {Reason::kUpstreamUnavailable, "UPSTREAM_UNAVAILABLE", Code::kUnavailable},
    {Reason::kDraining, "DRAINING", Code::kUnavailable},
    {Reason::kDiskFull, "DISK_FULL", Code::kResourceExhausted},
    {Reason::kQuotaExceeded, "QUOTA_EXCEEDED", Code::kResourceExhausted},
    {Reason::kTooManyWorkers, "TOO_MANY_WORKERS", Code::kResourceExhausted},
    {Reason::kWorkerMemory, "WORKER_MEMORY", Code::kResourceExhausted},
    {Reason::kWorkerTime, "WORKER_TIME", Code::kResourceExhausted},
    {Reason::kJobCancelled, "JOB_CANCELLED", Code::kCancelled},
    {Reason::kDigestMismatch, "DIGEST_MISMATCH", Code::kDataLoss},
    {Reason::kBadArchive, "BAD_ARCHIVE", Code::kDataLoss},
};

const ReasonRow& RowOf(Reason reason) {
  return kReasons[static_cast<int>(reason)];
}

// The payload is the reason's name and the metadata, a line each, escaped.
std::string EncodePayload(Reason reason, const Metadata& metadata) {
  std::string payload(ReasonName(reason));
  for (const auto& [key, value] : metadata) {
    absl::StrAppend(&payload, "\n", absl::CEscape(key), "\t",
                    absl::CEscape(value));
  }
  return payload;
}

std::vector<std::string> PayloadLines(const absl::Status& status) {
  absl::optional<absl::Cord> payload = status.GetPayload(kPayloadUrl);
  if (!payload) return {};
  return absl::StrSplit(std::string(*payload), '\n');
}

}  // namespace

absl::string_view ReasonName(Reason reason) { return RowOf(reason).name; }

absl::StatusCode ReasonCode(Reason reason) { return RowOf(reason).code; }

absl::Status ReasonError(Reason reason, absl::string_view message,
                         const Metadata& metadata) {
  absl::Status status(ReasonCode(reason), message);
  // Through a view: clang cannot link Cord's constructor from a string, which
  // Debian builds with gcc.
  const std::string payload = EncodePayload(reason, metadata);
  status.SetPayload(kPayloadUrl, absl::Cord(absl::string_view(payload)));
  return status;
}

std::optional<Reason> ReasonOf(const absl::Status& status) {
  std::vector<std::string> lines = PayloadLines(status);
  if (lines.empty()) return std::nullopt;
  for (const ReasonRow& row : kReasons) {
    if (row.name == lines[0]) return row.reason;
  }
  return std::nullopt;
}

Metadata MetadataOf(const absl::Status& status) {
  Metadata metadata;
  std::vector<std::string> lines = PayloadLines(status);
  for (size_t i = 1; i < lines.size(); ++i) {
    std::pair<std::string, std::string> field =
        absl::StrSplit(lines[i], absl::MaxSplits('\t', 1));
    std::string key, value;
    if (absl::CUnescape(field.first, &key) &&
        absl::CUnescape(field.second, &value)) {
      metadata[key] = value;
    }
  }
  return metadata;
}

bool IsSilence(const absl::Status& status) {
  const std::optional<Reason> reason = ReasonOf(status);
  return reason == Reason::kUpstreamUnavailable ||
         reason == Reason::kRateLimited;
}

absl::Status Annotate(const absl::Status& status, absl::string_view prefix) {
  if (status.ok()) return status;
  absl::Status longer(status.code(),
                      absl::StrCat(prefix, ": ", status.message()));
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    longer.SetPayload(url, payload);
  });
  return longer;
}

absl::Status ErrnoError(int error_number, absl::string_view what) {
  std::string message = absl::StrCat(what, ": ", std::strerror(error_number));
  if (error_number == EFBIG) {
    absl::StrAppend(&message,
                    "; ulimit -f limits the files of this process: start it "
                    "again with a higher limit");
  }
  if (error_number == ENOSPC || error_number == EDQUOT) {
    return ReasonError(Reason::kDiskFull, message);
  }
  return absl::InternalError(message);
}

namespace internal {

void CheckFailed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: check failed: %s\n", file, line, condition);
  std::abort();
}

}  // namespace internal
}  // namespace hubd
