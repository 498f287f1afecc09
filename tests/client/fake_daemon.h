// Plays hubd: a real gRPC server on a unix socket, in this process.
//
// It answers each call with a sample that a test can change; or runs a test's
// function instead (errors, progress, waiting until the call is cancelled); it
// can be stopped while calls run, which breaks their connections; it keeps the
// last requests and counts them.

#ifndef HUBD_TESTS_CLIENT_FAKE_DAEMON_H_
#define HUBD_TESTS_CLIENT_FAKE_DAEMON_H_

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hubd/v1/cache.grpc.pb.h"
#include "hubd/v1/error.pb.h"
#include "hubd/v1/hub.grpc.pb.h"
#include "hubd/v1/trust.grpc.pb.h"
#include "server/base/mutex.h"
#include "server/base/status.h"

namespace hubd {

// A failure as the daemon sends it.
grpc::Status Failure(Reason reason, const std::string& message,
                     const Metadata& metadata = {},
                     const std::optional<v1::WorkerExit>& worker = {});

// What a method does for one request. The answer holds the sample.
template <class Request, class Response>
using Handler = std::function<grpc::Status(grpc::ServerContext&, const Request&,
                                           Response&)>;
// The same for a stream; `send` sends one event.
template <class Request, class Response>
using StreamHandler = std::function<grpc::Status(
    grpc::ServerContext&, const Request&,
    const std::function<void(const Response&)>& send)>;

// Set the fields before the first call. The methods are thread-safe.
class FakeDaemon {
 public:
  explicit FakeDaemon(const std::string& socket);
  ~FakeDaemon();

  // Ends the server and breaks all its connections.
  void Stop();

  // How many requests have come, of any kind.
  int requests() const;

  // Samples.
  v1::ListResult list;
  v1::HelpResult help;
  v1::LoadResult load;
  v1::Checkpoint checkpoint;
  v1::GetStatusResponse status;
  std::vector<v1::Tree> trees;              // a page for each
  std::vector<v1::Checkpoint> checkpoints;  // a page for each
  std::vector<v1::TrustEntry> entries;      // a page for each
  bool trusted = true;
  v1::VerifyResult verified;
  v1::ImportResult imported;
  v1::ListJobsResponse jobs;
  v1::PruneResponse pruned;

  // In their place, where set.
  StreamHandler<v1::ListRequest, v1::ListResponse> on_list;
  StreamHandler<v1::FetchStateDictRequest, v1::FetchStateDictResponse> on_fetch;
  Handler<v1::GetDirRequest, v1::GetDirResponse> on_get_dir;
  StreamHandler<v1::VerifyRequest, v1::VerifyResponse> on_verify;
  // Tells the sample first.
  StreamHandler<v1::WatchJobsRequest, v1::ListJobsResponse> on_watch;

  // The last requests.
  v1::ListRequest last_list() const;
  v1::HelpRequest last_help() const;
  v1::LoadRequest last_load() const;
  v1::FetchStateDictRequest last_fetch() const;
  v1::VerifyRequest last_verify() const;
  v1::RepairRequest last_repair() const;
  v1::ImportRequest last_import() const;
  v1::PruneRequest last_prune() const;
  v1::RemoveTrustRequest last_remove() const;
  v1::SetLimitRequest last_limit() const;

 private:
  class HubService;
  class CacheService;
  class TrustService;

  template <class Request>
  void Count(const Request& request, Request FakeDaemon::* last) {
    MutexLock lock(mutex_);
    ++requests_;
    this->*last = request;
  }
  void Count();

  mutable Mutex mutex_;
  int requests_ ABSL_GUARDED_BY(mutex_) = 0;
  v1::ListRequest last_list_ ABSL_GUARDED_BY(mutex_);
  v1::HelpRequest last_help_ ABSL_GUARDED_BY(mutex_);
  v1::LoadRequest last_load_ ABSL_GUARDED_BY(mutex_);
  v1::FetchStateDictRequest last_fetch_ ABSL_GUARDED_BY(mutex_);
  v1::VerifyRequest last_verify_ ABSL_GUARDED_BY(mutex_);
  v1::RepairRequest last_repair_ ABSL_GUARDED_BY(mutex_);
  v1::ImportRequest last_import_ ABSL_GUARDED_BY(mutex_);
  v1::PruneRequest last_prune_ ABSL_GUARDED_BY(mutex_);
  v1::RemoveTrustRequest last_remove_ ABSL_GUARDED_BY(mutex_);
  v1::SetLimitRequest last_limit_ ABSL_GUARDED_BY(mutex_);

  std::unique_ptr<HubService> hub_service_;
  std::unique_ptr<CacheService> cache_service_;
  std::unique_ptr<TrustService> trust_service_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace hubd

#endif  // HUBD_TESTS_CLIENT_FAKE_DAEMON_H_
