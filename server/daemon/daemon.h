// The whole daemon, put together.

#ifndef HUBD_SERVER_DAEMON_DAEMON_H_
#define HUBD_SERVER_DAEMON_DAEMON_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/admit/admission.h"
#include "server/base/clock.h"
#include "server/base/executor.h"
#include "server/base/io_thread.h"
#include "server/daemon/config.h"
#include "server/daemon/host_starter.h"
#include "server/fetch/connection_budget.h"
#include "server/fetch/fetcher.h"
#include "server/fetch/flight_table.h"
#include "server/jobs/job_queue.h"
#include "server/jobs/result_cache.h"
#include "server/net/bandwidth.h"
#include "server/net/git_fetcher.h"
#include "server/net/git_remote.h"
#include "server/net/http_transport.h"
#include "server/net/mirrors.h"
#include "server/net/paced_transport.h"
#include "server/net/url_policy.h"
#include "server/rpc/server.h"
#include "server/store/space.h"
#include "server/store/store.h"

namespace hubd {

// Members stand in the order in which they start; destructors end them in the
// other. Thread-compatible: the main thread's.
class Daemon {
 public:
  struct Options {
    Config config;
    // Absolute and canonical.
    std::string root;
    // Where to listen; nullopt: by the rules of places.h.
    std::optional<std::string> socket;
    // Log to the root's log instead of stderr.
    bool log_to_file = false;
    // How long a daemon that holds the root and does not answer, or that has
    // the socket, is waited for: it may be on its way out.
    absl::Duration patience;
  };

  // Opens the root, listens, is SERVING and has written ADDRESS. Errors: those
  // of Store::Open; FAILED_PRECONDITION for a place that cannot be used;
  // INVALID_ARGUMENT for a value of the configuration.
  static absl::StatusOr<std::unique_ptr<Daemon>> Start(Options options);

  // Takes over what Start has opened; use Start.
  struct Opened;
  Daemon(Options options, Opened opened);
  ~Daemon();

  // Where clients find it.
  const std::string& socket() const { return socket_; }

  // Serves until a stop signal or the end of the idle time, then drains: 0. A
  // root that went away ends it at once: 1; so does an index that is no longer
  // sound, which the next start makes anew.
  int Run();

 private:
  // Starts to serve. Called once.
  absl::Status Serve();
  // Listens at the place that is right at this moment and says so in the root.
  absl::Status Listen();
  // Removes what came long ago of downloads that nobody wants any more.
  void PrunePartials();
  // In `allowed` at most.
  void Drain(absl::Duration allowed);

  const Options options_;
  const std::unique_ptr<RealClock> clock_;
  const std::unique_ptr<Store> store_;
  Space space_;
  IoThread io_;
  ThreadPool disk_{"disk", 2};
  ThreadPool fetch_{"fetch", 32};
  ThreadPool checkpoints_{"checkpoints", 32};
  const UrlPolicy policy_;
  const std::unique_ptr<HttpTransport> http_;
  Bandwidth bandwidth_;
  // For git's objects, whose requests know of no flight.
  PacedTransport objects_http_;
  const std::unique_ptr<GitRemote> git_;
  const std::unique_ptr<GitFetcher> objects_;
  const std::unique_ptr<GitFetcher> mirror_objects_;
  const Mirrors mirrors_;
  ConnectionBudget connections_;
  FlightTable flights_;
  Fetcher fetcher_;
  Admission admission_;
  UserHostStarter user_hosts_;
  SystemHostStarter system_hosts_;
  JobQueue jobs_;
  ResultCache results_;
  std::unique_ptr<RpcServer> rpc_;
  // Empty until it is listened at and written down for clients.
  std::string socket_;
};

// Whether a daemon exits that has so many calls open, and whose last one ended
// so long ago.
bool IsIdleForTooLong(const Config::Daemon& config, int open_calls,
                      absl::Duration idle_for);

// Names the code that runs a hubconf.py, this source in its sandbox: a daemon
// that is built anew may have another one under the same version.
std::string WorkerName(absl::string_view box_source);

// The policy that the configuration asks for; INVALID_ARGUMENT names the entry
// of net.allow_address that is none.
absl::StatusOr<UrlPolicy> PolicyOf(const Config& config);

}  // namespace hubd

#endif  // HUBD_SERVER_DAEMON_DAEMON_H_
