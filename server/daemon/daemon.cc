#include "server/daemon/daemon.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/base/digest.h"
#include "server/base/fs.h"
#include "server/base/log.h"
#include "server/base/status.h"
#include "server/base/version.h"
#include "server/daemon/places.h"
#include "server/daemon/process.h"
#include "server/daemon/root_lock.h"
#include "server/net/credentials.h"
#include "server/net/curl_transport.h"
#include "server/net/net_options.h"
#include "server/worker/box_source.h"

namespace hubd {
namespace {

// How often the root and the socket are looked at: half of the second within
// which a daemon without a root is gone.
constexpr absl::Duration kWatchInterval = absl::Milliseconds(500);

// How often downloads without a caller are looked through.
constexpr absl::Duration kPruneInterval = absl::Hours(1);

// What of the drain time is kept for ending flights, streams and threads.
constexpr absl::Duration kCutTime = absl::Seconds(2);

bool IsSystem(const Config& config) {
  return config.daemon.mode == Config::Mode::kSystem;
}

NetOptions NetOptionsOf(const Config::Net& net) {
  NetOptions options;
  options.ca_file = net.ca_file;
  options.proxy = net.proxy;
  options.connect_to = net.connect_to;
  options.connect_timeout = net.connect_timeout;
  options.stall_timeout = net.stall_timeout;
  options.stall_rate = net.stall_rate;
  options.max_redirects = static_cast<int>(
      std::min<int64_t>(net.max_redirects, std::numeric_limits<int>::max()));
  return options;
}

// What one user may see is that user's alone; all share what is stored here.
CredentialOptions CredentialOptionsOf(const Config& config) {
  CredentialOptions options;
  options.heeded = !IsSystem(config);
  return options;
}

int IntOf(int64_t count) {
  return static_cast<int>(
      std::min<int64_t>(count, std::numeric_limits<int>::max()));
}

ConnectionBudget::Options ConnectionOptionsOf(const Config::Net& net) {
  ConnectionBudget::Options options;
  // The first one is always had.
  options.per_object = std::max(1, IntOf(net.connections_per_object));
  options.per_host = IntOf(net.connections_per_host);
  return options;
}

Fetcher::Options FetcherOptionsOf(const Config& config) {
  Fetcher::Options options;
  options.ref_ttl = config.refs.ttl;
  options.ref_negative_ttl = config.refs.negative_ttl;
  options.tree_limits.max_entries = config.tree.max_entries;
  options.tree_limits.max_bytes = config.tree.max_bytes;
  options.tree_limits.max_ratio = config.tree.max_ratio;
  options.download.retry.tries = IntOf(config.net.tries);
  options.download.retry.base = config.net.retry_base;
  options.download.retry.max_asked = config.net.retry_max_wait;
  options.many_users = IsSystem(config);
  options.credentials = CredentialOptionsOf(config);
  return options;
}

absl::Duration MirrorTimeout(const Config& config) {
  return std::min(config.refs.timeout, config.net.connect_timeout);
}

GitFetcherOptions GitFetcherOptionsOf(const Config& config) {
  GitFetcherOptions options;
  options.credentials = CredentialOptionsOf(config);
  options.relay.connect_timeout = config.net.connect_timeout;
  options.relay.stall_timeout = config.net.stall_timeout;
  options.relay.max_bytes = config.tree.max_bytes;
  return options;
}

GitFetcherOptions MirrorFetcherOptionsOf(const Config& config) {
  GitFetcherOptions options = GitFetcherOptionsOf(config);
  options.relay.connect_timeout = MirrorTimeout(config);
  return options;
}

RpcServer::Options RpcOptionsOf(const Config& config, const std::string& root) {
  RpcServer::Options options;
  options.reflection = config.daemon.reflection;
  options.system_mode = IsSystem(config);
  options.version = kVersion;
  options.root = root;
  options.job_limits.set_time_ms(
      absl::ToInt64Milliseconds(config.sandbox.time));
  options.job_limits.set_memory_bytes(config.sandbox.memory);
  options.job_limits.set_output_bytes(config.sandbox.output);
  return options;
}

absl::Status Stopping() {
  return ReasonError(Reason::kDraining,
                     "the daemon is stopping; send the request again");
}

// The users of a system daemon open what lies in its root; a user daemon's is
// its user's alone, which the store sees to.
absl::Status PrepareRoot(const Config& config, const std::string& root) {
  if (!IsSystem(config)) return absl::OkStatus();
  return MakeDirectories(root, 0755);
}

}  // namespace

struct Daemon::Opened {
  std::unique_ptr<RealClock> clock;
  std::unique_ptr<Store> store;
  UrlPolicy policy;
  std::unique_ptr<HttpTransport> http;
  std::unique_ptr<GitRemote> git;
};

bool IsIdleForTooLong(const Config::Daemon& config, int open_calls,
                      absl::Duration idle_for) {
  return config.mode == Config::Mode::kUser &&
         config.idle_exit > absl::ZeroDuration() && open_calls == 0 &&
         idle_for >= config.idle_exit;
}

std::string WorkerName(absl::string_view box_source) {
  return absl::StrCat(kVersion, " ", Sha256Hex(box_source));
}

absl::StatusOr<UrlPolicy> PolicyOf(const Config& config) {
  absl::StatusOr<UrlPolicy> policy =
      UrlPolicy::Create({.system_mode = IsSystem(config),
                         .allow_http = config.net.allow_http,
                         .allow_address = config.net.allow_address});
  if (!policy.ok()) return Annotate(policy.status(), "net.allow_address");
  return policy;
}

absl::StatusOr<std::unique_ptr<Daemon>> Daemon::Start(Options options) {
  HUBD_ASSIGN_OR_RETURN(UrlPolicy policy, PolicyOf(options.config));
  HUBD_RETURN_IF_ERROR(PrepareRoot(options.config, options.root));
  auto clock = std::make_unique<RealClock>();
  HUBD_ASSIGN_OR_RETURN(std::unique_ptr<Store> store,
                        OpenStore({.root = options.root,
                                   .socket = "",
                                   .log_to_file = options.log_to_file},
                                  *clock, options.patience));
  HUBD_LOG(kInfo) << "event=start version=" << kVersion << " pid=" << ::getpid()
                  << " mode=" << (IsSystem(options.config) ? "system" : "user")
                  << " root=" << LogQuote(options.root);
  HUBD_ASSIGN_OR_RETURN(
      std::unique_ptr<HttpTransport> http,
      CreateCurlTransport(NetOptionsOf(options.config.net), policy));
  std::unique_ptr<GitRemote> git = CreateGitRemote(
      *http, {.credentials = CredentialOptionsOf(options.config),
              .connect_timeout = options.config.refs.timeout});
  Opened opened{.clock = std::move(clock),
                .store = std::move(store),
                .policy = std::move(policy),
                .http = std::move(http),
                .git = std::move(git)};
  auto daemon = std::make_unique<Daemon>(std::move(options), std::move(opened));
  daemon->PrunePartials();
  HUBD_RETURN_IF_ERROR(daemon->Serve());
  return daemon;
}

Daemon::Daemon(Options options, Opened opened)
    : options_(std::move(options)),
      clock_(std::move(opened.clock)),
      store_(std::move(opened.store)),
      space_({.path = store_->layout().store(),
              .min_free = options_.config.cache.min_free,
              .max_bytes = options_.config.cache.max_bytes,
              .usage = [&store = *store_] { return store.UsageBytes(); }}),
      policy_(std::move(opened.policy)),
      http_(std::move(opened.http)),
      bandwidth_(*clock_),
      objects_http_(*http_, bandwidth_, PacedTransport::kNoJob),
      git_(std::move(opened.git)),
      objects_(CreateGitFetcher(objects_http_,
                                GitFetcherOptionsOf(options_.config))),
      mirror_objects_(CreateGitFetcher(
          objects_http_, MirrorFetcherOptionsOf(options_.config))),
      mirrors_(options_.config.mirrors, MirrorTimeout(options_.config)),
      connections_(ConnectionOptionsOf(options_.config.net)),
      flights_({checkpoints_, fetch_}, io_, *clock_, bandwidth_),
      fetcher_(FetcherOptionsOf(options_.config),
               {.store = *store_,
                .space = space_,
                .http = *http_,
                .bandwidth = bandwidth_,
                .git = *git_,
                .objects = *objects_,
                .mirror_objects = *mirror_objects_,
                .mirrors = mirrors_,
                .policy = policy_,
                .connections = connections_,
                .flights = flights_,
                .io = io_,
                .disk = disk_,
                .clock = *clock_}),
      admission_({.system_mode = IsSystem(options_.config), .uid = ::geteuid()},
                 store_->catalog(), *clock_),
      user_hosts_({.program = "/proc/self/exe",
                   .log_file = options_.log_to_file ? store_->layout().log()
                                                    : std::string()},
                  io_),
      jobs_({}, io_,
            IsSystem(options_.config) ? static_cast<HostStarter&>(system_hosts_)
                                      : static_cast<HostStarter&>(user_hosts_)),
      results_({.worker = WorkerName(BoxSource()),
                .keep = !IsSystem(options_.config)},
               {.io = io_,
                .disk = disk_,
                .jobs = jobs_,
                .catalog = store_->catalog()}) {}

// Flights are told early, since they take longest. The calls go first, since
// they use all the rest; then the io thread stops, so that what is confined to
// it can be taken down here.
Daemon::~Daemon() {
  flights_.StopAll(Stopping());
  rpc_ = nullptr;
  io_.Stop();
}

absl::Status Daemon::Serve() {
  HUBD_RETURN_IF_ERROR(bandwidth_.LimitAll(options_.config.net.bandwidth));
  HUBD_ASSIGN_OR_RETURN(
      rpc_, RpcServer::Start(RpcOptionsOf(options_.config, options_.root),
                             {.io = io_,
                              .disk = disk_,
                              .store = *store_,
                              .fetcher = fetcher_,
                              .flights = flights_,
                              .bandwidth = bandwidth_,
                              .admission = admission_,
                              .jobs = jobs_,
                              .results = results_}));
  // A daemon whose root was moved away listens until it sees that.
  const absl::Time end = clock_->Now() + options_.patience;
  absl::Status listening = Listen();
  while (absl::IsAlreadyExists(listening) && clock_->Now() < end) {
    absl::SleepFor(absl::Milliseconds(20));
    listening = Listen();
  }
  return listening;
}

absl::Status Daemon::Listen() {
  const bool system = IsSystem(options_.config);
  std::string path;
  socket_.clear();
  if (options_.socket) {
    path = *options_.socket;
  } else if (system) {
    path = kSystemSocket;
    HUBD_RETURN_IF_ERROR(
        MakeDirectories(std::filesystem::path(path).parent_path(), 0755));
  } else {
    HUBD_ASSIGN_OR_RETURN(path, UserSocket(options_.root));
  }
  HUBD_RETURN_IF_ERROR(rpc_->Listen(path, system ? 0666 : 0600));
  user_hosts_.SetSocket(path);
  HUBD_RETURN_IF_ERROR(store_->PublishAddress(path));
  socket_ = path;
  HUBD_LOG(kInfo) << "event=ready socket=" << LogQuote(path);
  return absl::OkStatus();
}

int Daemon::Run() {
  std::string last_failure;
  absl::Time next_prune = clock_->Now() + kPruneInterval;
  while (!WaitForStopSignal(kWatchInterval)) {
    if (clock_->Now() >= next_prune) {
      next_prune = clock_->Now() + kPruneInterval;
      disk_.Post([this] { PrunePartials(); });
    }
    if (!store_->StillThere()) {
      HUBD_LOG(kError) << "event=root_gone root=" << LogQuote(options_.root);
      return 1;
    }
    if (absl::Status sound = store_->catalog().CheckSound(); !sound.ok()) {
      HUBD_LOG(kError) << "event=index_broken error="
                       << LogQuote(std::string(sound.message()));
      Drain(absl::ZeroDuration());
      return 1;
    }
    if (IsIdleForTooLong(options_.config.daemon, rpc_->open_calls(),
                         clock_->Now() - rpc_->idle_since())) {
      HUBD_LOG(kInfo) << "event=idle_exit";
      break;
    }
    if (!socket_.empty() && rpc_->StillListening()) continue;
    absl::Status listening = Listen();
    // Tried at every look, logged once.
    if (!listening.ok() && listening.message() != last_failure) {
      last_failure = std::string(listening.message());
      HUBD_LOG(kError) << "event=listen_failed error="
                       << LogQuote(last_failure);
    }
  }
  Drain(options_.config.daemon.drain_timeout);
  return 0;
}

void Daemon::PrunePartials() {
  const absl::Status pruned =
      store_->PrunePartials(options_.config.cache.partial_age).status();
  if (!pruned.ok()) {
    HUBD_LOG(kWarning) << "event=partials_not_pruned error="
                       << LogQuote(pruned.message());
  }
}

// 1. New work is refused. 2. Calls under way may end. 3. What is left is told
// DRAINING and cut. A second stop signal leaves step 2 and the waits of 3 out.
void Daemon::Drain(absl::Duration allowed) {
  HUBD_LOG(kInfo) << "event=drain open_calls=" << rpc_->open_calls();
  rpc_->BeginDrain();
  const absl::Duration cut = std::min(kCutTime, allowed / 2);
  const absl::Time end = clock_->Now() + allowed - cut;
  bool hurry = false;
  while (!hurry && rpc_->open_calls() > 0 && clock_->Now() < end) {
    hurry = WaitForStopSignal(absl::Milliseconds(20));
  }
  flights_.StopAll(Stopping());
  rpc_->Shutdown(hurry ? absl::ZeroDuration() : cut / 2);
  HUBD_LOG(kInfo) << "event=stopped";
}

}  // namespace hubd
