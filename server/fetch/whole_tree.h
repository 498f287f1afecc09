// The files of a commit, with all that it only points at.

#ifndef HUBD_SERVER_FETCH_WHOLE_TREE_H_
#define HUBD_SERVER_FETCH_WHOLE_TREE_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "server/fetch/archive.h"
#include "server/fetch/fetch_context.h"
#include "server/fetch/flight_table.h"
#include "server/fetch/unpack_meter.h"
#include "server/store/objects.h"

namespace hubd {

// Unpacks the commit's own files into an existing, empty directory, counting
// them with the meter of the whole.
using UnpackFilesFn = std::function<absl::StatusOr<UnpackedTree>(
    const FetchContext& context, const TreeKey& key,
    const std::string& directory)>;

// Has `unpack` fill `directory`, gives files of Git LFS their content
// (lfs_content.h), and fills the folders of submodules: each with the files of
// the commit that this commit names, of the repo that .gitmodules names, whole
// in the same way. They are eight deep at most. To other hosts than the
// repo's own nothing of the caller's is shown: whose they are, only the repo
// says.
//
// A submodule that is definitely not to be had (no such repo or commit, not
// given to this caller, a URL that is not https or not allowed) leaves its
// folder empty, and a warning. Any other failure of it is one of the whole.
// `meter` bounds the sum. Errors: those of `unpack`, WithLfsContent and
// GitFetcher::ListSubmodules; BAD_ARCHIVE where a link leaves the tree through
// a submodule.
//
// Blocking, on the fetch pool.
absl::StatusOr<UnpackedTree> FetchWholeTree(const FetchContext& context,
                                            const TreeKey& key,
                                            const std::string& directory,
                                            const UnpackFilesFn& unpack,
                                            UnpackMeter& meter,
                                            FlightTable::Context& flight);

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_WHOLE_TREE_H_
