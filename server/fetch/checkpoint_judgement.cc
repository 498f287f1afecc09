#include "server/fetch/checkpoint_judgement.h"

#include <variant>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/log.h"
#include "server/base/status.h"

namespace hubd {
namespace {

// "an HTML page of 512 bytes".
std::string Describe(const CheckpointObject& checkpoint,
                     absl::string_view content) {
  return absl::StrCat(content, content.empty() ? "" : " of ",
                      checkpoint.size_bytes, " bytes");
}

absl::Status MismatchError(const CheckpointObject& checkpoint,
                           absl::string_view content,
                           const std::string& expected,
                           absl::string_view expected_by,
                           absl::string_view way_out) {
  const std::string url = RedactUrl(checkpoint.url);
  return ReasonError(
      Reason::kDigestMismatch,
      absl::StrCat("the bytes of ", url, " have the sha256 ", checkpoint.sha256,
                   ", not ", expected, expected_by, ": the server sent ",
                   Describe(checkpoint, content), "; they are not delivered. ",
                   way_out),
      {{"url", url},
       {"expected", expected},
       {"actual", checkpoint.sha256},
       {"size_bytes", absl::StrCat(checkpoint.size_bytes)},
       {"content", std::string(content)}});
}

}  // namespace

absl::Status CompareWithOffer(const OfferedDigest& offer,
                              const CheckpointObject& checkpoint,
                              absl::string_view content) {
  if (offer.sha256 == checkpoint.sha256) return absl::OkStatus();
  const absl::Status error = MismatchError(
      checkpoint, content, offer.sha256,
      absl::StrCat(", which it should have by its server's word (", offer.by,
                   ")"),
      "Try again later, or, if you know better, give their sha256");
  Metadata metadata = MetadataOf(error);
  metadata["offered_by"] = offer.by;
  return ReasonError(Reason::kDigestMismatch, error.message(), metadata);
}

absl::Status JudgeCheckpoint(const std::string& sha256_prefix,
                             bool reject_pages,
                             const CheckpointObject& checkpoint,
                             absl::string_view content) {
  if (!absl::StartsWith(checkpoint.sha256, sha256_prefix)) {
    return MismatchError(checkpoint, content, sha256_prefix, "",
                         "Check the expected value, or whether the origin has "
                         "changed the file");
  }
  if (!reject_pages) return absl::OkStatus();
  const bool is_page =
      absl::StartsWithIgnoreCase(checkpoint.content_type, "text/html");
  if (!is_page && checkpoint.size_bytes > 0) return absl::OkStatus();
  const std::string url = RedactUrl(checkpoint.url);
  return ReasonError(
      Reason::kUpstreamUnavailable,
      absl::StrCat("the server sent ", is_page ? "an HTML page" : "no bytes",
                   " in place of a checkpoint for ", url,
                   "; check the URL, or take it with --any"),
      {{"url", url}, {"cause", is_page ? "page" : "empty"}});
}

absl::Status JudgeFetched(const std::string& sha256_prefix, bool reject_pages,
                          const Fetched& fetched) {
  const auto& checkpoint = std::get<CheckpointObject>(fetched.object);
  if (sha256_prefix != checkpoint.sha256) {
    HUBD_RETURN_IF_ERROR(fetched.objection);
  }
  return JudgeCheckpoint(sha256_prefix, reject_pages, checkpoint,
                         fetched.content);
}

}  // namespace hubd
