// Gives the files of Git LFS in a tree their content.

#ifndef HUBD_SERVER_FETCH_LFS_CONTENT_H_
#define HUBD_SERVER_FETCH_LFS_CONTENT_H_

#include "absl/status/statusor.h"
#include "server/base/repo.h"
#include "server/fetch/archive.h"
#include "server/fetch/fetch_context.h"
#include "server/fetch/flight_table.h"
#include "server/fetch/unpack_meter.h"

namespace hubd {

// Downloads what tree.lfs_files name from the LFS server of the key's repo, and
// puts it in their places, with the mode of the pointer; each content is
// fetched once. `root` is the directory that the tree was unpacked into.
//
// The result has the tree's new size, no lfs_files, and warnings about the
// pointers that stay, since their content is not to be had (IsLfsRefusal).
// Everything else that goes wrong is an error which names the file: those of
// AskLfsBatch; DIGEST_MISMATCH where other bytes come than the pointer names;
// what `meter` says; DISK_FULL; CANCELLED within a second of a stop.
//
// Blocking, on the fetch pool.
absl::StatusOr<UnpackedTree> WithLfsContent(const FetchContext& context,
                                            const TreeKey& key, int root,
                                            UnpackedTree tree,
                                            UnpackMeter& meter,
                                            FlightTable::Context& flight);

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_LFS_CONTENT_H_
