#include "server/fetch/fetcher.h"

#include <utility>

#include "server/fetch/checkpoint_operation.h"
#include "server/fetch/import_operation.h"
#include "server/fetch/repair_operation.h"
#include "server/fetch/tree_lookup.h"
#include "server/fetch/tree_operation.h"
#include "server/fetch/tree_pin.h"
#include "server/fetch/verify_operation.h"

namespace hubd {

FetchContext Fetcher::ContextOf(uid_t uid) const {
  FetchContext context = context_;
  context.uid = uid;
  return context;
}

std::optional<TreeResult> Fetcher::LookUp(const TreeRequest& request) const {
  const FetchParts& parts = context_.parts;
  if (!parts.policy.CheckRepoUrl(request.spec.id.Url()).ok())
    return std::nullopt;
  absl::StatusOr<KnownTree> known =
      LookUpTree(context_, request, parts.clock.Now());
  if (!known.ok() || !known->result) return std::nullopt;
  absl::StatusOr<TreeResult> held =
      HoldAgainstPin(request, *std::move(known->result));
  if (!held.ok()) return std::nullopt;
  return *std::move(held);
}

std::optional<TreeResult> Fetcher::LookInMemory(
    const TreeRequest& request) const {
  const FetchParts& parts = context_.parts;
  if (!parts.policy.CheckRepoUrl(request.spec.id.Url()).ok())
    return std::nullopt;
  std::optional<TreeResult> known =
      TreeInMemory(context_, request, parts.clock.Now());
  if (!known) return std::nullopt;
  absl::StatusOr<TreeResult> held = HoldAgainstPin(request, *std::move(known));
  if (!held.ok()) return std::nullopt;
  return *std::move(held);
}

std::optional<CheckpointResult> Fetcher::LookInMemory(
    const CheckpointRequest& request) const {
  return CheckpointInMemory(context_, request);
}

std::optional<CheckpointResult> Fetcher::LookUp(
    const CheckpointRequest& request) const {
  return LookUpCheckpoint(context_, request);
}

std::unique_ptr<FetchOperation> Fetcher::FetchTree(
    TreeRequest request, ProgressFn progress,
    std::function<void(absl::StatusOr<TreeResult>)> done) {
  if (request.pin) {
    done = [request, done = std::move(done)](absl::StatusOr<TreeResult> found) {
      if (found.ok()) found = HoldAgainstPin(request, *std::move(found));
      done(std::move(found));
    };
  }
  return TreeOperation::Begin(std::make_shared<TreeOperation>(
      ContextOf(request.uid), negatives_, std::move(request),
      std::move(progress), std::move(done)));
}

std::unique_ptr<FetchOperation> Fetcher::FetchCheckpoint(
    CheckpointRequest request, ProgressFn progress,
    std::function<void(absl::StatusOr<CheckpointResult>)> done) {
  return CheckpointOperation::Begin(std::make_shared<CheckpointOperation>(
      ContextOf(request.uid), std::move(request), std::move(progress),
      std::move(done)));
}

std::unique_ptr<FetchOperation> Fetcher::Verify(
    VerifyRequest request, ProgressFn progress,
    std::function<void(absl::StatusOr<VerifyReport>)> done) {
  return VerifyOperation::Begin(std::make_shared<VerifyOperation>(
      ContextOf(request.uid), std::move(request), std::move(progress),
      std::move(done)));
}

std::unique_ptr<FetchOperation> Fetcher::Repair(
    RepairRequest request, ProgressFn progress,
    std::function<void(absl::StatusOr<VerifyReport>)> done) {
  return RepairOperation::Begin(std::make_shared<RepairOperation>(
      ContextOf(request.verify.uid), negatives_, std::move(request),
      std::move(progress), std::move(done)));
}

std::unique_ptr<FetchOperation> Fetcher::Import(
    ImportRequest request, ProgressFn progress,
    std::function<void(absl::StatusOr<ImportReport>)> done) {
  return ImportOperation::Begin(std::make_shared<ImportOperation>(
      ContextOf(request.uid), std::move(request), std::move(progress),
      std::move(done)));
}

}  // namespace hubd
