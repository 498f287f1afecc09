// The service Trust.

#ifndef HUBD_SERVER_RPC_TRUST_SERVICE_H_
#define HUBD_SERVER_RPC_TRUST_SERVICE_H_

#include "hubd/v1/trust.grpc.pb.h"
#include "server/rpc/service_parts.h"

namespace hubd {

// Thread-safe. trust.proto says what the methods do.
class TrustService final : public v1::Trust::CallbackService {
 public:
  explicit TrustService(ServiceParts parts) : parts_(parts) {}

  grpc::ServerUnaryReactor* ListTrust(grpc::CallbackServerContext* context,
                                      const v1::ListTrustRequest* request,
                                      v1::ListTrustResponse* response) override;
  grpc::ServerUnaryReactor* AddTrust(grpc::CallbackServerContext* context,
                                     const v1::AddTrustRequest* request,
                                     v1::AddTrustResponse* response) override;
  grpc::ServerUnaryReactor* RemoveTrust(
      grpc::CallbackServerContext* context,
      const v1::RemoveTrustRequest* request,
      v1::RemoveTrustResponse* response) override;
  grpc::ServerUnaryReactor* CheckTrust(
      grpc::CallbackServerContext* context,
      const v1::CheckTrustRequest* request,
      v1::CheckTrustResponse* response) override;

 private:
  const ServiceParts parts_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_RPC_TRUST_SERVICE_H_
