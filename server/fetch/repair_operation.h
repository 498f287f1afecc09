// A caller's way to a cache without damage.

#ifndef HUBD_SERVER_FETCH_REPAIR_OPERATION_H_
#define HUBD_SERVER_FETCH_REPAIR_OPERATION_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/fetch/negative_answers.h"
#include "server/fetch/operation.h"
#include "server/fetch/requests.h"

namespace hubd {

// The steps:
//   1. VerifyOperation, which removes what is damaged;
//   2. each of these, one after the other, is fetched again as a caller would:
//      a tree by its commit, a blob from the URLs that had given it, until one
//      gives the same bytes. The blob's other URLs lead to it again, too.
// The report says of each damage whether it is repaired, or why not; no failure
// ends the rest. Confined to the io thread. `negatives` must outlive it.
class RepairOperation final : public Operation<VerifyReport> {
 public:
  RepairOperation(const FetchContext& context, NegativeAnswers& negatives,
                  RepairRequest request, ProgressFn progress, DoneFn done);

 private:
  void Start() override;
  // Goes on with the first damage that was not dealt with.
  void RepairNext();
  void RepairTree();
  void OnTree(const absl::StatusOr<TreeResult>& fetched);
  // From its URLs of this number on.
  void RepairBlob(size_t url);
  // Its other URLs lead to it again.
  void RecordUrls();
  void Repaired(const absl::Status& status);
  void Unrepaired(const std::string& why);
  Damage& current() { return report_.damages[next_]; }

  NegativeAnswers& negatives_;
  const RepairRequest request_;
  VerifyReport report_;
  size_t next_ = 0;
  // Of the step under way.
  std::unique_ptr<FetchOperation> step_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_REPAIR_OPERATION_H_
