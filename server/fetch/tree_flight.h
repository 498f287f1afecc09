// What the flights that make a tree present do. Blocking, on the fetch pool.

#ifndef HUBD_SERVER_FETCH_TREE_FLIGHT_H_
#define HUBD_SERVER_FETCH_TREE_FLIGHT_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/fetch/fetch_context.h"
#include "server/fetch/flight_table.h"
#include "server/fetch/requests.h"
#include "server/store/objects.h"

namespace hubd {

// Asks for the refs of the repo and keeps the answer; where it led to another
// repo, as that one's, and where it led. An answer that is not older than
// `since` is taken as it is. Where the origin is silent or limits and an older
// answer is known, that one is given, with `silence` set. The RefsObject is of
// the repo that the name led to.
//
// A mirror's answer is taken where it has what `request` wants, else the next
// source is asked, the origin at last; a refresh asks the origin first. Without
// mirrors the answer is the same for all requests of the repo.
absl::StatusOr<Fetched> FetchRefs(const FetchContext& context,
                                  const TreeRequest& request, absl::Time since,
                                  FlightTable::Context& flight);

// Fetches the files of a commit by the key's route from the first of its
// sources that has them, unpacks them while they come, adds what they only
// point at (whole_tree.h), publishes them. Where a source fails on the way, the
// next begins anew. `unproven` as in TreeObject.
absl::StatusOr<Fetched> FetchTreeFiles(const FetchContext& context,
                                       const TreeKey& key,
                                       FlightTable::Context& flight,
                                       bool unproven = false);

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_TREE_FLIGHT_H_
