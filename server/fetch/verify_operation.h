// A caller's way to know that what is stored is what was published.

#ifndef HUBD_SERVER_FETCH_VERIFY_OPERATION_H_
#define HUBD_SERVER_FETCH_VERIFY_OPERATION_H_

#include "absl/status/statusor.h"
#include "server/fetch/flight_table.h"
#include "server/fetch/operation.h"
#include "server/fetch/requests.h"

namespace hubd {

// After so many damages the reading ends.
inline constexpr int kMaxDamages = 1000;

// Reads the stored things that are asked for and compares each with its digest;
// what is damaged is removed with record and row. A blob behind several URLs is
// read once. It gives way to everybody else who wants the disk. NOT_FOUND where
// the repo has no such tree. Blocking, on the fetch pool; CANCELLED soon after
// the stop.
absl::StatusOr<Fetched> VerifyStored(const FetchContext& context,
                                     const VerifyRequest& request,
                                     FlightTable::Context& flight);

// One flight, VerifyStored's, for all who ask for the same things. Confined to
// the io thread.
class VerifyOperation final : public Operation<VerifyReport> {
 public:
  VerifyOperation(const FetchContext& context, VerifyRequest request,
                  ProgressFn progress, DoneFn done);

 private:
  void Start() override;

  const VerifyRequest request_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_VERIFY_OPERATION_H_
