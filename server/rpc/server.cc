#include "server/rpc/server.h"

#include <grpc/grpc.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_posix.h>

#include <chrono>
#include <future>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "server/base/mutex.h"
#include "server/base/status.h"
#include "server/rpc/cache_service.h"
#include "server/rpc/call_registry.h"
#include "server/rpc/hub_service.h"
#include "server/rpc/listener.h"
#include "server/rpc/tracked_executor.h"
#include "server/rpc/trust_service.h"
#include "server/rpc/worker_host_service.h"

namespace hubd {
namespace {

constexpr int kMaxReceiveBytes = 4 << 20;
// What a client's gRPC keeps to; CallRegistry sees to the others.
constexpr int kMaxCallsPerConnection = CallRegistry::kMaxPerConnection / 2;
constexpr const char* kServices[] = {"hubd.v1.Hub", "hubd.v1.Cache",
                                     "hubd.v1.Trust"};

// gRPC's reflection library puts its plug-in into every server of a program
// that links it. This option takes it out again, or makes sure that it is
// there.
class ReflectionOption final : public grpc::ServerBuilderOption {
 public:
  explicit ReflectionOption(bool on) : on_(on) {}

  void UpdateArguments(grpc::ChannelArguments*) override {}

  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>*
                         plugins) override {
    auto plugin =
        std::make_unique<grpc::reflection::ProtoServerReflectionPlugin>();
    std::erase_if(*plugins, [&](const auto& other) {
      return other->name() == plugin->name();
    });
    if (on_) plugins->push_back(std::move(plugin));
  }

 private:
  const bool on_;
};

}  // namespace

class RpcServer::Impl {
 public:
  Impl(Options options, Parts parts);

  absl::Status Start();
  absl::Status Listen(const std::string& path, mode_t mode);
  bool StillListening() const;
  void BeginDrain();
  void Shutdown(absl::Duration grace);
  const CallRegistry& calls() const { return calls_; }

 private:
  HubService::Options HubOptions() const;
  std::string SocketPath() const;
  void SetServing(bool serving);
  // Returns when the io thread has run what was posted to it so far.
  void AwaitIo();

  const Options options_;
  const Parts parts_;
  CallRegistry calls_;
  TrackedExecutor disk_;
  HubService hub_;
  CacheService cache_;
  TrustService trust_;
  WorkerHostService hosts_;
  std::unique_ptr<grpc::Server> server_;

  mutable Mutex mutex_;
  std::unique_ptr<Listener> listener_ ABSL_GUARDED_BY(mutex_);
};

RpcServer::Impl::Impl(Options options, Parts parts)
    : options_(std::move(options)),
      parts_(parts),
      disk_(parts.disk),
      hub_(HubOptions(), {parts.io, disk_, calls_, parts.admission},
           {parts.fetcher, parts.flights, parts.jobs, parts.results,
            parts.store}),
      cache_({parts.io, disk_, calls_, parts.admission},
             {parts.io, parts.fetcher, parts.flights, parts.bandwidth,
              parts.store}),
      trust_({parts.io, disk_, calls_, parts.admission}),
      hosts_({parts.io, disk_, calls_, parts.admission}, parts.jobs) {}

HubService::Options RpcServer::Impl::HubOptions() const {
  return {.version = options_.version,
          .root = options_.root,
          .system_mode = options_.system_mode,
          .job_limits = options_.job_limits,
          .started_at = absl::Now(),
          .socket = [this] { return SocketPath(); }};
}

absl::Status RpcServer::Impl::Start() {
  // Taking gRPC down waits for its threads, and for ever for one that the
  // system refused to start. So it stays up until the process ends.
  grpc_init();
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  builder.SetOption(std::make_unique<ReflectionOption>(options_.reflection));
  builder.SetMaxReceiveMessageSize(kMaxReceiveBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                             kMaxCallsPerConnection);
  builder.RegisterService(&hub_);
  builder.RegisterService(&cache_);
  builder.RegisterService(&trust_);
  builder.RegisterService(&hosts_);
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) {
    return absl::InternalError("gRPC cannot start its server");
  }
  SetServing(true);
  return absl::OkStatus();
}

absl::Status RpcServer::Impl::Listen(const std::string& path, mode_t mode) {
  MutexLock lock(mutex_);
  // A socket cannot be bound where our own file lies. Elsewhere, callers find
  // the old one until the new one is there.
  if (listener_ && listener_->path() == path) listener_.reset();
  HUBD_ASSIGN_OR_RETURN(
      listener_,
      Listener::Create(
          parts_.io, path, mode, [server = server_.get()](UniqueFd connection) {
            grpc::AddInsecureChannelFromFd(server, connection.release());
          }));
  return absl::OkStatus();
}

bool RpcServer::Impl::StillListening() const {
  MutexLock lock(mutex_);
  return listener_ && listener_->StillThere();
}

std::string RpcServer::Impl::SocketPath() const {
  MutexLock lock(mutex_);
  return listener_ ? listener_->path() : "";
}

void RpcServer::Impl::SetServing(bool serving) {
  grpc::HealthCheckServiceInterface& health = *server_->GetHealthCheckService();
  health.SetServingStatus("", serving);
  for (const char* service : kServices) {
    health.SetServingStatus(service, serving);
  }
}

void RpcServer::Impl::BeginDrain() {
  calls_.BeginDrain();
  SetServing(false);
}

// 1. No connection comes any more.
// 2. Our calls are told to end, and most do at once. Who does not read is given
//    the grace.
// 3. gRPC cuts what is left: that, and health and reflection streams.
// 4. What the calls posted is run, since it refers to the parts.
void RpcServer::Impl::Shutdown(absl::Duration grace) {
  if (server_ == nullptr) return;
  auto deadline =
      std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(grace);
  BeginDrain();
  {
    MutexLock lock(mutex_);
    listener_.reset();
  }
  AwaitIo();
  calls_.FailAll();
  calls_.AwaitNone(deadline);
  server_->Shutdown(std::chrono::system_clock::now());
  AwaitIo();
  disk_.AwaitIdle();
  AwaitIo();
  server_.reset();
}

void RpcServer::Impl::AwaitIo() {
  std::promise<void> reached;
  parts_.io.Post([&reached] { reached.set_value(); });
  reached.get_future().wait();
}

absl::StatusOr<std::unique_ptr<RpcServer>> RpcServer::Start(Options options,
                                                            Parts parts) {
  auto impl = std::make_unique<Impl>(std::move(options), parts);
  HUBD_RETURN_IF_ERROR(impl->Start());
  return std::unique_ptr<RpcServer>(new RpcServer(std::move(impl)));
}

RpcServer::RpcServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

RpcServer::~RpcServer() { Shutdown(absl::ZeroDuration()); }

absl::Status RpcServer::Listen(const std::string& path, mode_t mode) {
  return impl_->Listen(path, mode);
}

bool RpcServer::StillListening() const { return impl_->StillListening(); }

void RpcServer::BeginDrain() { impl_->BeginDrain(); }

int RpcServer::open_calls() const { return impl_->calls().open_calls(); }

absl::Time RpcServer::idle_since() const { return impl_->calls().idle_since(); }

void RpcServer::Shutdown(absl::Duration grace) { impl_->Shutdown(grace); }

}  // namespace hubd
