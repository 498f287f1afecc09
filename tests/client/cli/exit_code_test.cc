#include "client/cli/exit_code.h"

#include <gtest/gtest.h>

#include "server/base/status.h"

namespace hubd {
namespace {

TEST(ExitCodeTest, EveryReasonHasItsCode) {
  struct Case {
    Reason reason;
    int code;
  };
  const Case cases[] = {
      {Reason::kInvalidRepo, 2},
      {Reason::kInvalidUrl, 2},
      {Reason::kBadEntrypointArgs, 2},
      {Reason::kInvalidLock, 2},
      {Reason::kRepoNotFound, 5},
      {Reason::kRefNotFound, 5},
      {Reason::kEntrypointNotFound, 5},
      {Reason::kCheckpointNotFound, 5},
      {Reason::kRepoNotTrusted, 4},
      {Reason::kHubconfMissing, 1},
      {Reason::kMissingDependency, 1},
      {Reason::kOfflineMiss, 6},
      {Reason::kNotLocked, 4},
      {Reason::kEntrypointFailed, 1},
      {Reason::kSandboxViolation, 1},
      {Reason::kSandboxUnavailable, 1},
      {Reason::kUpstreamForbidden, 4},
      {Reason::kUrlNotAllowed, 4},
      {Reason::kNotYours, 4},
      {Reason::kRateLimited, 1},
      {Reason::kUpstreamUnavailable, 1},
      {Reason::kDraining, 3},
      {Reason::kDiskFull, 1},
      {Reason::kQuotaExceeded, 1},
      {Reason::kTooManyWorkers, 1},
      {Reason::kWorkerMemory, 1},
      {Reason::kWorkerTime, 1},
      {Reason::kJobCancelled, 1},
      {Reason::kDigestMismatch, 7},
      {Reason::kBadArchive, 7},
  };
  EXPECT_EQ(std::size(cases), static_cast<size_t>(Reason::kBadArchive) + 1);
  for (const Case& one : cases) {
    EXPECT_EQ(ExitCodeOf(ReasonError(one.reason, "x")), one.code)
        << ReasonName(one.reason);
  }
}

TEST(ExitCodeTest, WithoutAReasonTheCodeDecides) {
  EXPECT_EQ(ExitCodeOf(absl::OkStatus()), 0);
  EXPECT_EQ(ExitCodeOf(absl::UnavailableError("no daemon")), 3);
  EXPECT_EQ(ExitCodeOf(absl::InvalidArgumentError("x")), 2);
  EXPECT_EQ(ExitCodeOf(absl::PermissionDeniedError("x")), 4);
  EXPECT_EQ(ExitCodeOf(absl::NotFoundError("x")), 5);
  EXPECT_EQ(ExitCodeOf(absl::DataLossError("x")), 7);
  EXPECT_EQ(ExitCodeOf(absl::DeadlineExceededError("x")), 1);
  EXPECT_EQ(ExitCodeOf(absl::InternalError("x")), 1);
}

}  // namespace
}  // namespace hubd
