// The gRPC server: listens on a unix socket by its own accept, so that every
// call knows its caller, and serves Hub, Cache, Trust, the worker hosts, health
// and, if asked for, reflection.
//
// Thread-safe where not said otherwise. Handlers run on gRPC's threads and only
// check, post and queue writes; the rest happens on the io thread and the disk
// pool.

#ifndef HUBD_SERVER_RPC_SERVER_H_
#define HUBD_SERVER_RPC_SERVER_H_

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/admit/admission.h"
#include "server/base/executor.h"
#include "server/base/io_thread.h"
#include "server/fetch/fetcher.h"
#include "server/jobs/job_queue.h"
#include "server/jobs/result_cache.h"
#include "server/net/bandwidth.h"
#include "server/store/store.h"

namespace hubd {

class RpcServer {
 public:
  struct Options {
    bool reflection = false;
    bool system_mode = false;
    std::string version;
    std::string root;
    // Limits that a sandboxed job gets.
    worker::v1::Limits job_limits;
  };

  // What the services work with; all must outlive it.
  struct Parts {
    IoThread& io;
    Executor& disk;
    Store& store;
    Fetcher& fetcher;
    FlightTable& flights;
    Bandwidth& bandwidth;
    Admission& admission;
    JobQueue& jobs;
    ResultCache& results;
  };

  static absl::StatusOr<std::unique_ptr<RpcServer>> Start(Options options,
                                                          Parts parts);
  // Cuts what is still open.
  ~RpcServer();

  // Listens at `path` (an old socket file there is replaced) with this mode,
  // and accepts. Called again with another path or the same: listens anew,
  // calls under way go on. An accept that fails for want of descriptors is
  // tried again after 100 ms.
  absl::Status Listen(const std::string& path, mode_t mode);

  // Whether the path listened at is still our socket.
  bool StillListening() const;

  // From here on health says NOT_SERVING and new work is refused with DRAINING;
  // calls under way go on.
  void BeginDrain();

  // Calls of Hub, Cache and Trust that are open.
  int open_calls() const;

  // When the last of these calls ended, or the server started.
  absl::Time idle_since() const;

  // Ends all calls with DRAINING, at the latest after `grace`, and stops.
  void Shutdown(absl::Duration grace);

 private:
  class Impl;
  explicit RpcServer(std::unique_ptr<Impl> impl);
  const std::unique_ptr<Impl> impl_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_RPC_SERVER_H_
