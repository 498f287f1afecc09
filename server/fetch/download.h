// The bytes of one URL, which go on where they broke off.

#ifndef HUBD_SERVER_FETCH_DOWNLOAD_H_
#define HUBD_SERVER_FETCH_DOWNLOAD_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/fetch/retry.h"
#include "server/net/http_transport.h"
#include "server/store/partial.h"

namespace hubd {

struct DownloadRequest {
  std::string url;
  // Headers that may make the answer "nothing changed". Where the partial is of
  // other bytes than they are about, it is gone on with, without them.
  std::vector<std::string> conditions = {};
  std::optional<absl::Duration> connect_timeout = {};
};

struct Downloaded {
  // The answer to the conditions; there are no bytes then.
  bool unchanged = false;
  // The last one.
  HttpResponse response;
  std::string sha256;
  int64_t size_bytes = 0;
  // Some of the bytes came in an earlier call.
  bool resumed = false;
  // Bytes were there, and the server said that it has others since.
  bool changed = false;
};

// Brings all bytes of the URL into the partial. Blocks.
//
// Where the server gives a length and a strong validator, each part's checksum
// goes into the ledger soon after the part is on the disk, so that a later call
// goes on from there: with Range and If-Range, and with the last part at least,
// since its answer shows that the object is still the same. Else a failure
// costs all that came. A failure that may pass is tried again soon (retry.h).
// `progress` is told bytes done and in all (0: not known).
//
// Errors: those of HttpTransport::Fetch, ErrorOfResponse with
// CHECKPOINT_NOT_FOUND, DISK_FULL; CANCELLED soon after the stop. After one the
// partial's ledger says what is there; without a ledger the partial was
// removed.
absl::StatusOr<Downloaded> Download(
    const RetryOptions& options, HttpTransport& http,
    const DownloadRequest& request, Partial& partial,
    const std::function<void(int64_t done, int64_t total)>& progress,
    const std::stop_token& stop);

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_DOWNLOAD_H_
