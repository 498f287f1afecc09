// The service Cache.

#ifndef HUBD_SERVER_RPC_CACHE_SERVICE_H_
#define HUBD_SERVER_RPC_CACHE_SERVICE_H_

#include "hubd/v1/cache.grpc.pb.h"
#include "server/fetch/fetcher.h"
#include "server/rpc/service_parts.h"
#include "server/store/catalog.h"

namespace hubd {

// Thread-safe. cache.proto says what the methods do.
class CacheService final : public v1::Cache::CallbackService {
 public:
  // Fetcher and catalog must outlive it and its calls.
  CacheService(ServiceParts parts, Fetcher& fetcher, Catalog& catalog)
      : parts_(parts), fetcher_(fetcher), catalog_(catalog) {}

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
  grpc::ServerWriteReactor<v1::ImportResponse>* Import(
      grpc::CallbackServerContext* context,
      const v1::ImportRequest* request) override;

 private:
  const ServiceParts parts_;
  Fetcher& fetcher_;
  Catalog& catalog_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_RPC_CACHE_SERVICE_H_
