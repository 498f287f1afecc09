// What a daemon's sudden end left behind is put right.

#ifndef HUBD_SERVER_STORE_RECOVERY_H_
#define HUBD_SERVER_STORE_RECOVERY_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/store/catalog.h"
#include "server/store/layout.h"

namespace hubd {

// Makes disk and catalog agree. The record decides: it is the commit point.
//   - tmp/ and half-written files are removed, and what nobody can go on with
//     in partial/; other partials stay;
//   - a record whose object is gone or not what the record says is removed, and
//     so is its row;
//   - a row is made, or made right, from its record; a row without one goes;
//   - an object that no record names is removed, or, where it was a whole
//     partial's data, put back there.
// A record that cannot be read, or not understood, is logged and left; the row
// that belongs to it, and its object, stay. While one cannot be read, no object
// of its kind is removed, since it may name it.
//
// REQUIRES: the root is locked by the caller and not yet used.
absl::Status Recover(const Layout& layout, Catalog& catalog);

// The catalog, opened and recovered; made anew from the records where it is
// broken or, in a root that is not `fresh`, missing: a broken one is set aside
// (index_file.h), and the log says so and what only it knew. What cannot be
// read is not broken: that is an error, and so is an index of a newer hubd.
//
// REQUIRES: the same.
absl::StatusOr<std::unique_ptr<Catalog>> OpenAndRecover(const Layout& layout,
                                                        bool fresh,
                                                        absl::Time now);

}  // namespace hubd

#endif  // HUBD_SERVER_STORE_RECOVERY_H_
