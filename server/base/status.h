// Errors of hubd: absl::Status with a canonical code, a message for people and
// one reason for programs.
//
// The code says what the caller can do, the reason says why, the message says
// what failed, on what, and how to go on. Reason and metadata travel with the
// status as a payload and reach clients as hubd.v1.ErrorInfo.
//
// Thread-safe: everything here is a value or a pure function.

#ifndef HUBD_SERVER_BASE_STATUS_H_
#define HUBD_SERVER_BASE_STATUS_H_

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace hubd {

// Why something failed. Names are the words on the wire.
enum class Reason {
  kInvalidRepo,
  kInvalidUrl,
  kBadEntrypointArgs,
  kInvalidLock,
  kRepoNotFound,
  kRefNotFound,
  kEntrypointNotFound,
  kCheckpointNotFound,
  kRepoNotTrusted,
  kHubconfMissing,
  kMissingDependency,
  kOfflineMiss,
  kNotLocked,
  kEntrypointFailed,
  kSandboxViolation,
  kSandboxUnavailable,
  kUpstreamForbidden,
  kUrlNotAllowed,
  kNotYours,
  kRateLimited,
  kUpstreamUnavailable,
  kDraining,
  kDiskFull,
  kQuotaExceeded,
  kTooManyWorkers,
  kWorkerMemory,
  kWorkerTime,
  kJobCancelled,
  kDigestMismatch,
  kBadArchive,
};

using Metadata = std::map<std::string, std::string>;

// The word on the wire, for example "REF_NOT_FOUND".
absl::string_view ReasonName(Reason reason);

// The canonical code that goes with a reason.
absl::StatusCode ReasonCode(Reason reason);

// A failed status with ReasonCode(reason), the message and the payload.
absl::Status ReasonError(Reason reason, absl::string_view message,
                         const Metadata& metadata = {});

// The reason of a status; nullopt where it carries none.
std::optional<Reason> ReasonOf(const absl::Status& status);

// The metadata of a status; empty where it carries none.
Metadata MetadataOf(const absl::Status& status);

// Whether an origin does not answer, or not now: what it has is not known.
bool IsSilence(const absl::Status& status);

// The same status with a longer message: "prefix: message". Keeps the payload.
absl::Status Annotate(const absl::Status& status, absl::string_view prefix);

// A status from errno: "what: No space left on device". ENOSPC and EDQUOT
// become DISK_FULL, everything else is INTERNAL without a reason.
absl::Status ErrnoError(int error_number, absl::string_view what);

}  // namespace hubd

// Returns from the function when expr, an absl::Status, is not OK.
#define HUBD_RETURN_IF_ERROR(expr)                            \
  do {                                                        \
    if (absl::Status hubd_status = (expr); !hubd_status.ok()) \
      return hubd_status;                                     \
  } while (false)

// HUBD_ASSIGN_OR_RETURN(auto x, F()) unpacks an absl::StatusOr or returns its
// status.
#define HUBD_ASSIGN_OR_RETURN(lhs, expr) \
  HUBD_ASSIGN_OR_RETURN_(HUBD_CONCAT_(hubd_result_, __LINE__), lhs, expr)
#define HUBD_ASSIGN_OR_RETURN_(result, lhs, expr)      \
  auto result = (expr);                                \
  if (!result.ok()) return std::move(result).status(); \
  lhs = *std::move(result)
#define HUBD_CONCAT_(a, b) HUBD_CONCAT_INNER_(a, b)
#define HUBD_CONCAT_INNER_(a, b) a##b

// Ends the process with the place and the condition: for our own bugs only.
#define HUBD_CHECK(condition) \
  ((condition)                \
       ? (void)0              \
       : ::hubd::internal::CheckFailed(#condition, __FILE__, __LINE__))

namespace hubd::internal {
[[noreturn]] void CheckFailed(const char* condition, const char* file,
                              int line);
}  // namespace hubd::internal

#endif  // HUBD_SERVER_BASE_STATUS_H_
