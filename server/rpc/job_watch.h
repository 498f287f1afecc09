// Tells one caller again and again how jobs stand.

#ifndef HUBD_SERVER_RPC_JOB_WATCH_H_
#define HUBD_SERVER_RPC_JOB_WATCH_H_

#include <functional>
#include <memory>
#include <optional>

#include "absl/time/time.h"
#include "hubd/v1/cache.pb.h"
#include "server/base/io_thread.h"

namespace hubd {

// From its beginning until it is dropped: a list at once, then one soon after a
// job has come or gone, and one where anything else has changed, but then not
// before `pause` is over. Confined to the io thread.
class JobWatch {
 public:
  struct Options {
    // How soon a job that comes or goes is told.
    absl::Duration look = absl::Milliseconds(200);
    absl::Duration pause = absl::Seconds(1);
  };
  using ListFn = std::function<v1::ListJobsResponse()>;
  using TellFn = std::function<void(const v1::ListJobsResponse&)>;

  // `io` must outlive it.
  JobWatch(const Options& options, IoThread& io, ListFn list, TellFn tell);

 private:
  void Look();
  bool MustTell(const v1::ListJobsResponse& jobs) const;

  const Options options_;
  IoThread& io_;
  const ListFn list_;
  const TellFn tell_;
  std::optional<v1::ListJobsResponse> told_;
  absl::Duration since_told_;
  std::unique_ptr<IoThread::Timer> timer_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_RPC_JOB_WATCH_H_
