#include "client/cli/commands_fetch.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/copy_out.h"
#include "client/cli/human.h"
#include "client/cli/json.h"
#include "server/base/expected_hash.h"
#include "server/base/status.h"
#include "server/base/text.h"
#include "server/store/lease.h"

namespace hubd {
namespace {

constexpr int kLeaseTries = 3;

CheckpointOptions OptionsFrom(const Arguments& arguments) {
  CheckpointOptions options;
  options.url = arguments.url;
  options.refresh = arguments.refresh;
  options.reject_pages = !arguments.any;
  options.sha256_prefix = arguments.sha256;
  if (options.sha256_prefix.empty() && arguments.check_hash) {
    options.sha256_prefix = HashInName(arguments.url);
  }
  return options;
}

// A checkpoint and the lease that keeps it.
struct Leased {
  v1::Checkpoint checkpoint;
  Lease lease;
};

absl::StatusOr<Leased> Fetch(Session& session) {
  CheckpointOptions options = OptionsFrom(session.arguments());
  HUBD_ASSIGN_OR_RETURN(options.lock, session.Lock());
  for (int left = kLeaseTries;; --left) {
    HUBD_ASSIGN_OR_RETURN(v1::Checkpoint checkpoint,
                          session.WithProgress([&](const CallOptions& call) {
                            return session.client().FetchStateDict(options,
                                                                   call);
                          }));
    absl::StatusOr<Lease> lease = TakeLease(checkpoint.path());
    if (lease.ok()) return Leased{std::move(checkpoint), *std::move(lease)};
    // It was evicted between the answer and the lease.
    if (!absl::IsNotFound(lease.status()) || left == 1) return lease.status();
    options.refresh = false;
  }
}

}  // namespace

absl::Status RunFetch(Session& session) {
  const Arguments& arguments = session.arguments();
  if (!arguments.to.empty()) {
    HUBD_RETURN_IF_ERROR(CheckTarget(arguments.to));
  }
  HUBD_ASSIGN_OR_RETURN(const Leased leased, Fetch(session));
  const v1::Checkpoint& checkpoint = leased.checkpoint;
  if (!arguments.to.empty()) {
    HUBD_RETURN_IF_ERROR(
        CopyOut(leased.lease.fd(), arguments.to, session.limit()));
  }
  session.Warn(checkpoint.warnings());
  session.Detail(absl::StrCat(
      "sha256 ", checkpoint.sha256(), ", ", HumanSize(checkpoint.size_bytes()),
      checkpoint.cached() ? ", from the cache" : ", fetched"));
  if (arguments.json) {
    session.Print(ToJson(checkpoint));
  } else if (arguments.to.empty()) {
    session.Print(absl::StrCat(CleanLine(checkpoint.path()), "\n"));
  }
  return absl::OkStatus();
}

}  // namespace hubd
