// Asks a host where the content of files of Git LFS is.

#ifndef HUBD_SERVER_NET_LFS_BATCH_H_
#define HUBD_SERVER_NET_LFS_BATCH_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/net/http_transport.h"

namespace hubd {

// Content, as a file of Git LFS names it.
struct LfsObject {
  std::string oid;  // its SHA-256, 64 lower-case hex digits
  int64_t size_bytes = 0;

  auto operator<=>(const LfsObject&) const = default;
};

// What may be asked for at once: servers need take no more.
inline constexpr size_t kMaxLfsBatch = 100;

// Asks the LFS server of the repository at `repo_url` (https://host/owner/name)
// for at most kMaxLfsBatch objects. The result has an entry for each, in their
// order: the request that downloads it, or why the server has none.
//
// Errors, of the whole and of single objects: those of HttpTransport::Fetch and
// ErrorOfLfsResponse; UPSTREAM_UNAVAILABLE for an answer that is none of an LFS
// server, or of over 4 MiB.
absl::StatusOr<std::vector<absl::StatusOr<HttpRequest>>> AskLfsBatch(
    HttpTransport& http, const std::string& repo_url,
    const std::vector<LfsObject>& objects, const std::stop_token& stop);

// The error that a response of an LFS server means, or of a host to which it
// leads, where its status is not 200: that of ErrorOfResponse, with
// CHECKPOINT_NOT_FOUND for every status by which a host refuses for good.
absl::Status ErrorOfLfsResponse(const HttpResponse& response,
                                absl::string_view url);

// Whether an error says for good that the content is not to be had: the host
// has none, keeps it to itself, or leads to where the policy lets nobody go.
bool IsLfsRefusal(const absl::Status& status);

}  // namespace hubd

#endif  // HUBD_SERVER_NET_LFS_BATCH_H_
