// The service Hub.

#ifndef HUBD_SERVER_RPC_HUB_SERVICE_H_
#define HUBD_SERVER_RPC_HUB_SERVICE_H_

#include <functional>
#include <string>

#include "absl/time/time.h"
#include "hubd/v1/hub.grpc.pb.h"
#include "hubd/worker/v1/worker.pb.h"
#include "server/fetch/fetcher.h"
#include "server/fetch/flight_table.h"
#include "server/jobs/job_queue.h"
#include "server/jobs/result_cache.h"
#include "server/rpc/service_parts.h"
#include "server/store/store.h"

namespace hubd {

// Thread-safe. hub.proto says what the methods do.
class HubService final : public v1::Hub::CallbackService {
 public:
  struct Options {
    std::string version;
    std::string root;
    bool system_mode = false;
    worker::v1::Limits job_limits;
    absl::Time started_at;
    // Where the daemon listens.
    std::function<std::string()> socket;
  };
  // All must outlive it and its calls.
  struct Work {
    Fetcher& fetcher;
    FlightTable& flights;
    JobQueue& jobs;
    ResultCache& results;
    Store& store;
  };

  HubService(Options options, ServiceParts parts, Work work)
      : options_(std::move(options)), parts_(parts), work_(work) {}

  grpc::ServerWriteReactor<v1::ListResponse>* List(
      grpc::CallbackServerContext* context,
      const v1::ListRequest* request) override;
  grpc::ServerWriteReactor<v1::HelpResponse>* Help(
      grpc::CallbackServerContext* context,
      const v1::HelpRequest* request) override;
  grpc::ServerWriteReactor<v1::LoadResponse>* Load(
      grpc::CallbackServerContext* context,
      const v1::LoadRequest* request) override;
  grpc::ServerWriteReactor<v1::FetchStateDictResponse>* FetchStateDict(
      grpc::CallbackServerContext* context,
      const v1::FetchStateDictRequest* request) override;
  grpc::ServerUnaryReactor* GetDir(grpc::CallbackServerContext* context,
                                   const v1::GetDirRequest* request,
                                   v1::GetDirResponse* response) override;
  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context,
                                      const v1::GetStatusRequest* request,
                                      v1::GetStatusResponse* response) override;

 private:
  // What DescribeSandbox does not tell, but for usage_bytes.
  v1::GetStatusResponse DescribeDaemon(const Caller& caller) const;

  const Options options_;
  const ServiceParts parts_;
  const Work work_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_RPC_HUB_SERVICE_H_
