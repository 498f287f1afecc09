// What the flights that make a checkpoint present do. Blocking, on the
// checkpoints pool.

#ifndef HUBD_SERVER_FETCH_CHECKPOINT_FLIGHT_H_
#define HUBD_SERVER_FETCH_CHECKPOINT_FLIGHT_H_

#include <string>

#include "absl/status/statusor.h"
#include "server/fetch/fetch_context.h"
#include "server/fetch/flight_table.h"

namespace hubd {

// Downloads `url`, hashing as it comes, and publishes it under the URL's
// identity (net/url_identity.h) if one of the waiting callers accepts it. With
// `refresh` the origin is asked even if the store has the URL, and may answer
// that nothing changed; before its mirrors, which else come first and give no
// such answer.
absl::StatusOr<Fetched> FetchUrl(const FetchContext& context,
                                 const std::string& url, bool refresh,
                                 FlightTable::Context& flight);

// Compares the bytes of a stored blob with its digest; see Store::Verify.
absl::StatusOr<Fetched> VerifyBlob(const FetchContext& context,
                                   const CheckpointObject& checkpoint,
                                   FlightTable::Context& flight);

// Unpacks the stored zip archive with this digest and publishes the directory.
absl::StatusOr<Fetched> UnpackBlob(const FetchContext& context,
                                   const std::string& sha256,
                                   FlightTable::Context& flight);

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_CHECKPOINT_FLIGHT_H_
