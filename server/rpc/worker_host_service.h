// The service WorkerHost: the daemon's end of each worker host's stream.

#ifndef HUBD_SERVER_RPC_WORKER_HOST_SERVICE_H_
#define HUBD_SERVER_RPC_WORKER_HOST_SERVICE_H_

#include "hubd/worker/v1/worker.grpc.pb.h"
#include "server/jobs/job_queue.h"
#include "server/rpc/service_parts.h"

namespace hubd {

// Thread-safe. Whose jobs a host gets is read from the socket: the uid that
// opened it. A host that says something that does not belong there is cut.
class WorkerHostService final : public worker::v1::WorkerHost::CallbackService {
 public:
  // `jobs` must outlive it and its calls.
  WorkerHostService(ServiceParts parts, JobQueue& jobs)
      : parts_(parts), jobs_(jobs) {}

  grpc::ServerBidiReactor<worker::v1::HostMessage, worker::v1::DaemonMessage>*
  Serve(grpc::CallbackServerContext* context) override;

 private:
  const ServiceParts parts_;
  JobQueue& jobs_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_RPC_WORKER_HOST_SERVICE_H_
