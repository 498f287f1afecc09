// A caller's way to a checkpoint: bytes, then perhaps what is in them.

#ifndef HUBD_SERVER_FETCH_CHECKPOINT_OPERATION_H_
#define HUBD_SERVER_FETCH_CHECKPOINT_OPERATION_H_

#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/fetch/operation.h"
#include "server/fetch/requests.h"

namespace hubd {

// The result of a request that the store can answer alone; nullopt: ask the
// operation, which also says why not. May wait for the disk. Thread-safe.
std::optional<CheckpointResult> LookUpCheckpoint(
    const FetchContext& context, const CheckpointRequest& request);

// The same as far as memory says it; nullopt: it has to be looked up. Waits for
// nobody. Thread-safe.
std::optional<CheckpointResult> CheckpointInMemory(
    const FetchContext& context, const CheckpointRequest& request);

// The steps:
//   1. what the store has of the URL, unless the origin is to be asked; a file
//      of an imported cache that is known to have its bytes is as good;
//   2. else the flight that downloads it; where the origin is silent, what an
//      imported cache had under that name;
//   3. if asked for and it is a zip archive: the unpacked directory, or the
//      flight that makes it.
// Confined to the io thread.
class CheckpointOperation final : public Operation<CheckpointResult> {
 public:
  CheckpointOperation(const FetchContext& context, CheckpointRequest request,
                      ProgressFn progress, DoneFn done);

 private:
  void Start() override;
  void Decide(absl::StatusOr<std::optional<Fetched>> known);
  void Fetch();
  void FinishFailed(const absl::Status& failure);
  void Accept(const Fetched& fetched);
  void Verify();
  void ReadAndVerify();
  void Deliver();
  void Unpack();

  const CheckpointRequest request_;
  const FlightTable::AcceptFn accept_;
  // Whether the origin is to be asked even if the store has the URL.
  bool ask_;
  CheckpointResult result_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_CHECKPOINT_OPERATION_H_
