// The service Cache.

#ifndef HUBD_SERVER_RPC_CACHE_SERVICE_H_
#define HUBD_SERVER_RPC_CACHE_SERVICE_H_

#include <sys/types.h>

#include <map>
#include <memory>

#include "hubd/v1/cache.grpc.pb.h"
#include "server/base/io_thread.h"
#include "server/fetch/fetcher.h"
#include "server/fetch/flight_table.h"
#include "server/net/bandwidth.h"
#include "server/rpc/job_board.h"
#include "server/rpc/service_parts.h"
#include "server/store/store.h"

namespace hubd {

// Thread-safe. cache.proto says what the methods do.
class CacheService final : public v1::Cache::CallbackService {
 public:
  // All must outlive it and its calls.
  struct Work {
    IoThread& io;
    Fetcher& fetcher;
    FlightTable& flights;
    Bandwidth& bandwidth;
    Store& store;
  };

  CacheService(ServiceParts parts, Work work)
      : parts_(parts),
        work_(work),
        jobs_(work.flights, work.bandwidth, parts.admission) {}

  grpc::ServerUnaryReactor* ListTrees(grpc::CallbackServerContext* context,
                                      const v1::ListTreesRequest* request,
                                      v1::ListTreesResponse* response) override;
  grpc::ServerUnaryReactor* ListCheckpoints(
      grpc::CallbackServerContext* context,
      const v1::ListCheckpointsRequest* request,
      v1::ListCheckpointsResponse* response) override;
  grpc::ServerWriteReactor<v1::VerifyResponse>* Verify(
      grpc::CallbackServerContext* context,
      const v1::VerifyRequest* request) override;
  grpc::ServerWriteReactor<v1::RepairResponse>* Repair(
      grpc::CallbackServerContext* context,
      const v1::RepairRequest* request) override;
  grpc::ServerWriteReactor<v1::ImportResponse>* Import(
      grpc::CallbackServerContext* context,
      const v1::ImportRequest* request) override;
  grpc::ServerUnaryReactor* Prune(grpc::CallbackServerContext* context,
                                  const v1::PruneRequest* request,
                                  v1::PruneResponse* response) override;
  grpc::ServerUnaryReactor* ListJobs(grpc::CallbackServerContext* context,
                                     const v1::ListJobsRequest* request,
                                     v1::ListJobsResponse* response) override;
  grpc::ServerWriteReactor<v1::ListJobsResponse>* WatchJobs(
      grpc::CallbackServerContext* context,
      const v1::WatchJobsRequest* request) override;
  grpc::ServerUnaryReactor* CancelJob(grpc::CallbackServerContext* context,
                                      const v1::CancelJobRequest* request,
                                      v1::CancelJobResponse* response) override;
  grpc::ServerUnaryReactor* SetLimit(grpc::CallbackServerContext* context,
                                     const v1::SetLimitRequest* request,
                                     v1::SetLimitResponse* response) override;

 private:
  const ServiceParts parts_;
  const Work work_;
  JobBoard jobs_;
  // Each open watch has its user's. Confined to the io thread.
  std::map<uid_t, std::shared_ptr<const uid_t>> watchers_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_RPC_CACHE_SERVICE_H_
