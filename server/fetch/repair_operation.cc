#include "server/fetch/repair_operation.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/log.h"
#include "server/fetch/checkpoint_operation.h"
#include "server/fetch/imported_checkpoint.h"
#include "server/fetch/tree_operation.h"
#include "server/fetch/tree_pin.h"
#include "server/fetch/verify_operation.h"

namespace hubd {
namespace {

constexpr char kImported[] =
    "it came from the cache of an original hub: hubctl import takes it in "
    "again, where that still has it";

// Those that have no row by now.
absl::Status RecordAgain(Store& store,
                         const std::vector<CheckpointObject>& checkpoints) {
  for (const CheckpointObject& checkpoint : checkpoints) {
    HUBD_ASSIGN_OR_RETURN(
        const std::optional<CheckpointObject> known,
        store.FindCheckpoint(checkpoint.domain, checkpoint.url));
    if (known) continue;
    HUBD_RETURN_IF_ERROR(store.RecordCheckpoint(checkpoint).status());
  }
  return absl::OkStatus();
}

}  // namespace

RepairOperation::RepairOperation(const FetchContext& context,
                                 NegativeAnswers& negatives,
                                 RepairRequest request, ProgressFn progress,
                                 DoneFn done)
    : Operation(context, std::move(progress), std::move(done)),
      negatives_(negatives),
      request_(std::move(request)) {}

void RepairOperation::Start() {
  step_ = VerifyOperation::Begin(std::make_shared<VerifyOperation>(
      context(), request_.verify, progress(),
      [this](absl::StatusOr<VerifyReport> verified) {
        if (!verified.ok()) return Finish(verified.status());
        report_ = *std::move(verified);
        RepairNext();
      }));
}

void RepairOperation::RepairNext() {
  if (next_ == report_.damages.size()) return Finish(std::move(report_));
  if (!current().removed) {
    return Unrepaired("it stays as it is, since it could not be looked at");
  }
  if (current().tree) return RepairTree();
  RepairBlob(0);
}

void RepairOperation::RepairTree() {
  const TreeKey& key = current().tree->key;
  if (key.route == kImportRoute) return Unrepaired(kImported);
  TreeRequest request;
  request.spec.id = key.repo;
  request.offline = request_.offline;
  request.environment = request_.environment;
  PinTo(key.commit, {}, request);
  step_ = TreeOperation::Begin(std::make_shared<TreeOperation>(
      context(), negatives_, std::move(request), progress(),
      [this](const absl::StatusOr<TreeResult>& fetched) { OnTree(fetched); }));
}

void RepairOperation::OnTree(const absl::StatusOr<TreeResult>& fetched) {
  if (!fetched.ok()) return Unrepaired(std::string(fetched.status().message()));
  const TreeObject& before = *current().tree;
  const TreeObject& tree = fetched->tree;
  if (!before.digest.empty() && tree.digest != before.digest) {
    return Unrepaired(absl::StrCat(
        "its origin gives other files for that commit by now, with the digest ",
        tree.digest, "; these are cached"));
  }
  if (before.unproven || !tree.unproven) return Repaired(absl::OkStatus());
  // What was shown of the commit still holds.
  LookUp<absl::Status>(
      [&store = context().parts.store, tree] {
        return store.RecordProven(tree).status();
      },
      [this](const absl::Status& recorded) { Repaired(recorded); });
}

void RepairOperation::RepairBlob(size_t url) {
  const std::vector<CheckpointObject>& urls = current().checkpoints;
  const std::string imported = ImportUrl("");
  while (url < urls.size() && absl::StartsWith(urls[url].url, imported)) ++url;
  if (url == urls.size()) {
    return Unrepaired(current().unrepaired.empty() ? kImported
                                                   : current().unrepaired);
  }
  step_ = CheckpointOperation::Begin(std::make_shared<CheckpointOperation>(
      context(),
      CheckpointRequest{.url = urls[url].url,
                        .sha256_prefix = current().expected,
                        .offline = request_.offline,
                        .environment = request_.environment},
      progress(), [this, url](const absl::StatusOr<CheckpointResult>& fetched) {
        if (fetched.ok()) return RecordUrls();
        current().unrepaired = std::string(fetched.status().message());
        RepairBlob(url + 1);
      }));
}

void RepairOperation::RecordUrls() {
  LookUp<absl::Status>(
      [&store = context().parts.store, urls = current().checkpoints] {
        return RecordAgain(store, urls);
      },
      [this](const absl::Status& recorded) { Repaired(recorded); });
}

void RepairOperation::Repaired(const absl::Status& status) {
  if (!status.ok()) return Unrepaired(std::string(status.message()));
  HUBD_LOG(kInfo) << "event=repaired path=" << LogQuote(current().path);
  current().repaired = true;
  current().unrepaired.clear();
  ++next_;
  RepairNext();
}

void RepairOperation::Unrepaired(const std::string& why) {
  current().unrepaired = why;
  ++next_;
  RepairNext();
}

}  // namespace hubd
