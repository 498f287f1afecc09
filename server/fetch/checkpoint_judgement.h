// Whether bytes are what their origin says, and what a caller takes.

#ifndef HUBD_SERVER_FETCH_CHECKPOINT_JUDGEMENT_H_
#define HUBD_SERVER_FETCH_CHECKPOINT_JUDGEMENT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/fetch/flight_table.h"
#include "server/fetch/offered_digest.h"
#include "server/store/objects.h"

namespace hubd {

// DIGEST_MISMATCH where the bytes are others than those that were offered; its
// metadata are url, expected, actual, offered_by, size_bytes and content.
// `content`: what the bytes look like (first_bytes.h).
absl::Status CompareWithOffer(const OfferedDigest& offer,
                              const CheckpointObject& checkpoint,
                              absl::string_view content);

// What a caller who expects a digest that begins so, or anything (empty), has
// against stored bytes: DIGEST_MISMATCH, or UPSTREAM_UNAVAILABLE for an HTML
// page or no bytes where it rejects these.
absl::Status JudgeCheckpoint(const std::string& sha256_prefix,
                             bool reject_pages,
                             const CheckpointObject& checkpoint,
                             absl::string_view content = "");

// The same of what came. What its server shows to be wrong is taken by those
// alone who expect exactly these bytes.
absl::Status JudgeFetched(const std::string& sha256_prefix, bool reject_pages,
                          const Fetched& fetched);

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_CHECKPOINT_JUDGEMENT_H_
