// What the flights that make a tree present do. Blocking, on the fetch pool.

#ifndef HUBD_SERVER_FETCH_TREE_FLIGHT_H_
#define HUBD_SERVER_FETCH_TREE_FLIGHT_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/repo.h"
#include "server/fetch/fetch_context.h"
#include "server/fetch/flight_table.h"

namespace hubd {

// Asks the origin for the refs of `repo` and keeps the answer; where it led to
// another repo, as that one's, and where it led. An answer that is not older
// than `since` is taken as it is. Where the origin is silent or limits and an
// older answer is known, that one is given, with `silence` set. The RefsObject
// is of the repo that the name led to.
absl::StatusOr<Fetched> FetchRefs(const FetchContext& context,
                                  const RepoId& repo, absl::Time since,
                                  FlightTable::Context& flight);

// Fetches the files of a commit by the key's route, unpacks them while they
// come, adds what they only point at (whole_tree.h), publishes them.
absl::StatusOr<Fetched> FetchTreeFiles(const FetchContext& context,
                                       const TreeKey& key,
                                       FlightTable::Context& flight);

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_TREE_FLIGHT_H_
