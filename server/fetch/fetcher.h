// Makes trees and checkpoints present: from the store where it has them, else
// by a flight that all who ask for the same thing share; verifies the store.
//
// Confined to the io thread where not said otherwise: called there, calls back
// there, never within the call. Look-ups run on the disk pool, flights on pools
// of their own (FlightTable::Runners).

#ifndef HUBD_SERVER_FETCH_FETCHER_H_
#define HUBD_SERVER_FETCH_FETCHER_H_

#include <functional>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "server/base/progress.h"
#include "server/fetch/fetch_context.h"
#include "server/fetch/negative_answers.h"
#include "server/fetch/operation.h"
#include "server/fetch/requests.h"

namespace hubd {

class Fetcher {
 public:
  using Options = FetchOptions;
  using Parts = FetchParts;

  // Must outlive its operations.
  Fetcher(Options options, Parts parts)
      : context_{options, parts}, negatives_(options.ref_negative_ttl) {}

  // The result of a request that the store can answer alone, as most are;
  // nullopt: ask below, where it is also said why not. May wait for the disk.
  // Thread-safe.
  std::optional<TreeResult> LookUp(const TreeRequest& request) const;
  std::optional<CheckpointResult> LookUp(
      const CheckpointRequest& request) const;
  // The same as far as memory says it, hubd's and the kernel's; nullopt: ask
  // LookUp. Waits for nobody. Thread-safe.
  std::optional<TreeResult> LookInMemory(const TreeRequest& request) const;
  std::optional<CheckpointResult> LookInMemory(
      const CheckpointRequest& request) const;

  // Errors: those of GitRemote::ListRefs and HttpTransport::Fetch,
  // REF_NOT_FOUND, OFFLINE_MISS, BAD_ARCHIVE, DISK_FULL; DIGEST_MISMATCH where
  // the tree is not the pinned one.
  [[nodiscard]] std::unique_ptr<FetchOperation> FetchTree(
      TreeRequest request, ProgressFn progress,
      std::function<void(absl::StatusOr<TreeResult>)> done);

  // Errors: INVALID_URL, URL_NOT_ALLOWED, CHECKPOINT_NOT_FOUND, DIGEST_MISMATCH
  // (metadata expected, actual), those of HttpTransport::Fetch, OFFLINE_MISS,
  // BAD_ARCHIVE, DISK_FULL.
  [[nodiscard]] std::unique_ptr<FetchOperation> FetchCheckpoint(
      CheckpointRequest request, ProgressFn progress,
      std::function<void(absl::StatusOr<CheckpointResult>)> done);

  // Reads what is stored and compares it (verify_operation.h). Errors:
  // NOT_FOUND.
  [[nodiscard]] std::unique_ptr<FetchOperation> Verify(
      VerifyRequest request, ProgressFn progress,
      std::function<void(absl::StatusOr<VerifyReport>)> done);

  // The same; then fetches what was damaged again (repair_operation.h).
  [[nodiscard]] std::unique_ptr<FetchOperation> Repair(
      RepairRequest request, ProgressFn progress,
      std::function<void(absl::StatusOr<VerifyReport>)> done);

  // Takes in the cache of an original hub (import_operation.h). Errors:
  // NOT_FOUND, FAILED_PRECONDITION, DISK_FULL.
  [[nodiscard]] std::unique_ptr<FetchOperation> Import(
      ImportRequest request, ProgressFn progress,
      std::function<void(absl::StatusOr<ImportReport>)> done);

 private:
  FetchContext ContextOf(uid_t uid) const;

  const FetchContext context_;
  // What hosts lately said that they do not have.
  NegativeAnswers negatives_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_FETCHER_H_
