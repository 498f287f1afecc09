// What the flight that looks for a commit does. Blocking, on the fetch pool.

#ifndef HUBD_SERVER_FETCH_COMMIT_FLIGHT_H_
#define HUBD_SERVER_FETCH_COMMIT_FLIGHT_H_

#include <string>

#include "absl/status/statusor.h"
#include "server/base/repo.h"
#include "server/fetch/fetch_context.h"
#include "server/fetch/flight_table.h"

namespace hubd {

// Finds the commit that begins with `prefix` among all that lead to a branch or
// tag of `repo`, which shows that it is the repo's own and no fork's: hosts
// give a fork's commits under the parent's name. Receives those commits without
// their files. Errors: those of GitFetcher::FindCommit, DISK_FULL.
absl::StatusOr<Fetched> FetchCommit(const FetchContext& context,
                                    const RepoId& repo,
                                    const std::string& prefix,
                                    FlightTable::Context& flight);

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_COMMIT_FLIGHT_H_
