// The only translator between the API's messages and our own types.
//
// Pure functions. FromProto checks what it takes; ToProto cannot fail.

#ifndef HUBD_SERVER_RPC_CONVERT_H_
#define HUBD_SERVER_RPC_CONVERT_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hubd/v1/cache.pb.h"
#include "hubd/v1/hub.pb.h"
#include "hubd/v1/trust.pb.h"
#include "server/base/caller.h"
#include "server/base/progress.h"
#include "server/fetch/requests.h"
#include "server/store/objects.h"
#include "server/store/partial.h"

namespace hubd {

// INVALID_REPO; INVALID_ARGUMENT for a default ref of a later version, or a
// commit that is none; INVALID_LOCK, NOT_LOCKED.
absl::StatusOr<TreeRequest> FromProto(const v1::TreeSelector& selector);

// INVALID_ARGUMENT for a sha256_prefix that is none; INVALID_LOCK, NOT_LOCKED;
// DIGEST_MISMATCH where the lock has another digest than sha256_prefix says.
absl::StatusOr<CheckpointRequest> FromProto(
    const v1::FetchStateDictRequest& request);

// INVALID_REPO; INVALID_ARGUMENT for a commit that is no beginning of one.
absl::StatusOr<VerifyRequest> FromProto(const v1::VerifyRequest& request);

// The same; INVALID_ARGUMENT for too large an environment.
absl::StatusOr<RepairRequest> FromProto(const v1::RepairRequest& request);

// INVALID_REPO; INVALID_ARGUMENT where the directory is no absolute path, or
// too many repos are named.
absl::StatusOr<ImportRequest> FromProto(const v1::ImportRequest& request);

// INVALID_ARGUMENT unless the interpreter names its program and its prefixes,
// all by absolute paths.
absl::Status CheckInterpreter(const v1::Interpreter& interpreter);

// The page size to use: from 1 to 500. INVALID_ARGUMENT for a negative one.
absl::StatusOr<int> PageSizeOf(int32_t asked);

v1::Progress ToProto(const Progress& progress);
v1::Tree ToProto(const TreeResult& result);
// As a listing shows it: the ref is the commit, of an import its directory's.
v1::Tree ToProto(const TreeObject& tree);
v1::Checkpoint ToProto(const CheckpointResult& result);
v1::Checkpoint ToProto(const CheckpointObject& checkpoint);
v1::VerifyResult ToProto(const VerifyReport& report);
v1::ImportResult ToProto(const ImportReport& report);
v1::PruneResponse ToProto(const PrunedPartials& pruned);
v1::TrustEntry ToProto(const TrustEntry& entry);
v1::Caller ToProto(const Caller& caller);

}  // namespace hubd

#endif  // HUBD_SERVER_RPC_CONVERT_H_
