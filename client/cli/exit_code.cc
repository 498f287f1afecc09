#include "client/cli/exit_code.h"

#include <optional>

#include "server/base/status.h"

namespace hubd {
namespace {

ExitCode ByReason(Reason reason) {
  switch (reason) {
    case Reason::kInvalidRepo:
    case Reason::kInvalidUrl:
    case Reason::kBadEntrypointArgs:
    case Reason::kInvalidLock:
      return kExitUsage;
    case Reason::kDraining:
      return kExitUnreachable;
    case Reason::kRepoNotTrusted:
    case Reason::kUpstreamForbidden:
    case Reason::kUrlNotAllowed:
    case Reason::kNotYours:
    case Reason::kNotLocked:
      return kExitRefused;
    case Reason::kRepoNotFound:
    case Reason::kRefNotFound:
    case Reason::kEntrypointNotFound:
    case Reason::kCheckpointNotFound:
      return kExitNotFound;
    case Reason::kOfflineMiss:
      return kExitOfflineMiss;
    case Reason::kDigestMismatch:
    case Reason::kBadArchive:
      return kExitIntegrity;
    case Reason::kHubconfMissing:
    case Reason::kMissingDependency:
    case Reason::kEntrypointFailed:
    case Reason::kSandboxViolation:
    case Reason::kSandboxUnavailable:
    case Reason::kRateLimited:
    case Reason::kUpstreamUnavailable:
    case Reason::kDiskFull:
    case Reason::kQuotaExceeded:
    case Reason::kTooManyWorkers:
    case Reason::kWorkerMemory:
    case Reason::kWorkerTime:
    case Reason::kJobCancelled:
      return kExitFailed;
  }
  return kExitFailed;
}

ExitCode ByCode(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return kExitDone;
    case absl::StatusCode::kInvalidArgument:
      return kExitUsage;
    case absl::StatusCode::kUnavailable:
      return kExitUnreachable;
    case absl::StatusCode::kPermissionDenied:
      return kExitRefused;
    case absl::StatusCode::kNotFound:
      return kExitNotFound;
    case absl::StatusCode::kDataLoss:
      return kExitIntegrity;
    default:
      return kExitFailed;
  }
}

}  // namespace

ExitCode ExitCodeOf(const absl::Status& status) {
  const std::optional<Reason> reason = ReasonOf(status);
  return reason ? ByReason(*reason) : ByCode(status.code());
}

}  // namespace hubd
