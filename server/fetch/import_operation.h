// A caller's way to have an original hub's cache taken in.

#ifndef HUBD_SERVER_FETCH_IMPORT_OPERATION_H_
#define HUBD_SERVER_FETCH_IMPORT_OPERATION_H_

#include "absl/status/statusor.h"
#include "server/fetch/flight_table.h"
#include "server/fetch/operation.h"
#include "server/fetch/requests.h"

namespace hubd {

// So many things that were taken, and so many that were not, are told one by
// one.
inline constexpr size_t kMaxTold = 500;

// Takes in what the cache at request.directory has: the directory itself, or a
// hub's home whose "hub" it is; of a home, also its checkpoints/ and
// MegEngine's serialized/. All is read below that directory and through no
// link, and only what belongs to the daemon's user or root and cannot be
// written by everybody. The cache stays what it is for its hub.
//
//   - OWNER_NAME_REF/, VERSION_DIGEST/ (old_names.h) with a hubconf.py: a tree
//     of kImportRoute;
//   - checkpoints/NAME, serialized/NAME: a checkpoint (imported_checkpoint.h),
//     unless its SHA-256 is not the one that -HEX. in the name promises;
//   - trusted_list: request.add_trust for each line that means one repo.
//
// Each is taken in one by one, whole or not at all; what cannot be is told with
// the reason. Done again, it changes nothing. NOT_FOUND or FAILED_PRECONDITION
// where the directory cannot be read, DISK_FULL, CANCELLED soon after the stop;
// what was taken until then stays. Blocking, on the fetch pool.
absl::StatusOr<Fetched> ImportCache(const FetchContext& context,
                                    const ImportRequest& request,
                                    FlightTable::Context& flight);

// One flight for those of one user who ask for the same. Confined to the io
// thread.
class ImportOperation final : public Operation<ImportReport> {
 public:
  ImportOperation(const FetchContext& context, ImportRequest request,
                  ProgressFn progress, DoneFn done);

 private:
  void Start() override;

  const ImportRequest request_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_IMPORT_OPERATION_H_
