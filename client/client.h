// hubd from C++: model hubs and checkpoints, fetched once for everybody.
//
//   hubd::Client client;
//   auto checkpoint = client.FetchStateDict({.url = "https://..."});
//   if (!checkpoint.ok()) return checkpoint.status();
//   Load(checkpoint->path());
//
// Errors are absl::Status. ReasonOf() and MetadataOf() (server/base/status.h)
// tell why a call failed; a failed hubconf.py adds "exception" and "traceback"
// to the metadata. UNAVAILABLE without a reason: no daemon could be reached.

#ifndef HUBD_CLIENT_CLIENT_H_
#define HUBD_CLIENT_CLIENT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "hubd/v1/cache.pb.h"
#include "hubd/v1/hub.pb.h"
#include "hubd/v1/trust.pb.h"

namespace hubd {

class CallLimit;
class Connection;
class KnownInterpreter;
struct CallTarget;

// What holds for all calls of a client. What is left out is read from the
// environment whenever a call is made.
struct ClientOptions {
  // The root; empty: $HUBD_HOME, else $XDG_CACHE_HOME/hubd, else ~/.cache/hubd.
  std::string dir = {};
  // Talk to the daemon at this socket and to no other; empty: $HUBD_SOCKET,
  // else the system daemon, else the root's, which is started if need be.
  std::string socket = {};
  // Whether a daemon may be started; absent: unless HUBD_AUTOSTART=0.
  std::optional<bool> autostart = {};
  // Whether the network is off; absent: HUBD_OFFLINE, HF_HUB_OFFLINE.
  std::optional<bool> offline = {};
  // The Python that runs a hubconf.py; empty: $VIRTUAL_ENV's, $CONDA_PREFIX's,
  // else python3 in PATH.
  std::string python = {};
};

// What holds for one call.
struct CallOptions {
  // For the call as a whole; absent: $HUBD_TIMEOUT, else as long as it takes.
  std::optional<absl::Duration> timeout = {};
  // Ends the call with CANCELLED.
  std::stop_token cancel = {};
  // Told how far the call has come, at most ten times a second, on the calling
  // thread; a later message replaces all earlier ones.
  std::function<void(const v1::Progress&)> progress = {};
};

// Which tree a call is about.
struct RepoOptions {
  // "owner/name[:ref]", "host/owner/name[:ref]" or what else ParseRepoSpec
  // takes.
  std::string repo = {};
  // What "no ref" means; by default the remote's HEAD.
  v1::DefaultRef default_ref = v1::DEFAULT_REF_UNSPECIFIED;
  // Ask the origin where the ref points even if that was asked lately.
  bool refresh = false;
  // Accept a commit that no advertised ref names.
  bool skip_validation = false;
  // Take this commit, 40 hex digits, whatever the ref; empty: what it means.
  std::string commit = {};
  // The text of a lock file (server/fetch/lock_file.h): only what it has is
  // taken. Absent: no lock.
  std::optional<std::string> lock = {};
};

struct LoadOptions {
  // Fail with REPO_NOT_TRUSTED unless the repo is trusted: for those who run
  // its code outside a sandbox.
  bool require_trust = false;
  // The directory whose trust counts beside the general trust.
  std::string hub_dir = {};
};

struct CheckpointOptions {
  std::string url = {};
  // Expected SHA-256, or a prefix of it, lower-case hex; empty: no check.
  std::string sha256_prefix = {};
  // Ask the origin whether the bytes have changed.
  bool refresh = false;
  // Refuse an HTML page or an empty body.
  bool reject_pages = false;
  // Unpack a zip archive too.
  bool unpack = false;
  // As in RepoOptions.
  std::optional<std::string> lock = {};
};

struct VerifyOptions {
  // As in VerifyRequest; empty: everything.
  std::string repo = {};
  // Only what stat shows to have changed since it was compared last.
  bool quick = false;
};

// Calls wait for their answer. A call whose connection breaks, or whose daemon
// is about to end, is sent again by itself, within its time; but for a Verify
// or Repair that has begun: ABORTED. A path in an answer is read under a lease
// (server/store/lease.h). Thread-safe.
class Client {
 public:
  explicit Client(ClientOptions options = {});
  ~Client();

  // The entrypoints of a repo; runs its hubconf.py in a sandbox.
  absl::StatusOr<v1::ListResult> List(const RepoOptions& repo,
                                      const CallOptions& call = {});

  // The documentation of one entrypoint, likewise.
  absl::StatusOr<v1::HelpResult> Help(const RepoOptions& repo,
                                      const std::string& entrypoint,
                                      const CallOptions& call = {});

  // Makes a repo's tree present; runs nothing.
  absl::StatusOr<v1::LoadResult> Load(const RepoOptions& repo,
                                      const LoadOptions& load = {},
                                      const CallOptions& call = {});

  // Makes a checkpoint present, checked.
  absl::StatusOr<v1::Checkpoint> FetchStateDict(const CheckpointOptions& fetch,
                                                const CallOptions& call = {});

  // Where the daemon's root is.
  absl::StatusOr<v1::GetDirResponse> GetDir(const CallOptions& call = {});

  // Which daemon answers, how it does, and whom it takes the caller for.
  absl::StatusOr<v1::GetStatusResponse> GetStatus(const CallOptions& call = {});

  // All that the caller may see, newest first.
  absl::StatusOr<std::vector<v1::Tree>> ListTrees(const CallOptions& call = {});
  absl::StatusOr<std::vector<v1::Checkpoint>> ListCheckpoints(
      const CallOptions& call = {});

  // Reads what is stored and compares it with its digests; what is damaged is
  // removed.
  absl::StatusOr<v1::VerifyResult> Verify(const VerifyOptions& verify = {},
                                          const CallOptions& call = {});

  // The same; then what was damaged is fetched again. The result says of each
  // damage whether it is repaired.
  absl::StatusOr<v1::VerifyResult> Repair(const VerifyOptions& verify = {},
                                          const CallOptions& call = {});

  // Removes what has come of downloads that have not ended, but for those that
  // are under way.
  absl::StatusOr<v1::PruneResponse> PrunePartials(const CallOptions& call = {});

  // Takes in the cache of torch.hub, oneflow.hub or megengine.hub at an
  // absolute path; `repos` as in ImportRequest.
  absl::StatusOr<v1::ImportResult> Import(
      const std::string& directory, const std::vector<std::string>& repos = {},
      const CallOptions& call = {});

  // What the daemon does for its callers; others' jobs as host and bytes.
  absl::StatusOr<v1::ListJobsResponse> ListJobs(const CallOptions& call = {});

  // The same again and again, on the calling thread: at once, when a job comes
  // or goes, and at most once a second when one changes. Ends by the call's
  // limits or for want of a daemon only, and so never with OK.
  absl::Status WatchJobs(
      const std::function<void(const v1::ListJobsResponse&)>& tell,
      const CallOptions& call = {});

  // Stops a job: all who wait for it get JOB_CANCELLED. The job, as it was.
  absl::StatusOr<v1::Job> CancelJob(int64_t id, const CallOptions& call = {});

  // How fast the daemon may receive (SetLimitRequest).
  absl::Status SetLimit(const v1::SetLimitRequest& limit,
                        const CallOptions& call = {});

  // The caller's decisions, by repo; an empty `hub_dir` means all of them in
  // ListTrust, and the one that holds everywhere in the others.
  absl::StatusOr<std::vector<v1::TrustEntry>> ListTrust(
      const std::string& hub_dir = "", const CallOptions& call = {});
  absl::StatusOr<v1::AddTrustResponse> AddTrust(const std::string& repo,
                                                const std::string& hub_dir = "",
                                                const CallOptions& call = {});
  // `everywhere`: the entries of every directory, and the general one.
  absl::StatusOr<v1::RemoveTrustResponse> RemoveTrust(
      const std::string& repo, const std::string& hub_dir = "",
      bool everywhere = false, const CallOptions& call = {});
  absl::StatusOr<v1::CheckTrustResponse> CheckTrust(
      const std::string& repo, const std::string& hub_dir = "",
      const CallOptions& call = {});

 private:
  // Runs `action`, which gets a CallTarget, against the daemon of this moment.
  template <class Action>
  auto Run(const CallOptions& call, Action action)
      -> decltype(action(std::declval<const CallTarget&>()));

  v1::TreeSelector Selector(const RepoOptions& repo) const;
  absl::StatusOr<v1::Interpreter> Interpreter(const CallLimit& limit) const;
  bool IsOffline() const;

  const ClientOptions options_;
  const std::unique_ptr<Connection> connection_;
  const std::unique_ptr<KnownInterpreter> interpreter_;
};

}  // namespace hubd

#endif  // HUBD_CLIENT_CLIENT_H_
