// Running flights as their callers see them: as jobs.

#ifndef HUBD_SERVER_RPC_JOB_BOARD_H_
#define HUBD_SERVER_RPC_JOB_BOARD_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "hubd/v1/cache.pb.h"
#include "server/admit/admission.h"
#include "server/base/caller.h"
#include "server/fetch/flight_table.h"
#include "server/net/bandwidth.h"

namespace hubd {

// A flight as the caller may see it; nullopt: not at all.
std::optional<v1::Job> JobSeenBy(const Caller& caller, bool administrator,
                                 const FlightInfo& flight);

// Waits for nobody. Thread-safe.
class JobBoard {
 public:
  // All must outlive it.
  JobBoard(FlightTable& flights, Bandwidth& bandwidth,
           const Admission& admission)
      : flights_(flights), bandwidth_(bandwidth), admission_(admission) {}

  v1::ListJobsResponse List(const Caller& caller) const;

  // The job, as it was. Errors: NOT_FOUND, NOT_YOURS.
  absl::StatusOr<v1::Job> Cancel(const Caller& caller, int64_t id);

  // Errors: INVALID_ARGUMENT, NOT_FOUND, NOT_YOURS.
  absl::Status SetLimit(const Caller& caller,
                        const v1::SetLimitRequest& request);

 private:
  absl::Status LimitJob(const Caller& caller, int64_t id,
                        int64_t bytes_per_second);
  absl::StatusOr<v1::Job> Find(const Caller& caller, int64_t id) const;

  FlightTable& flights_;
  Bandwidth& bandwidth_;
  const Admission& admission_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_RPC_JOB_BOARD_H_
