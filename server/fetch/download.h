// The bytes of one URL, which go on where they broke off.

#ifndef HUBD_SERVER_FETCH_DOWNLOAD_H_
#define HUBD_SERVER_FETCH_DOWNLOAD_H_

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/progress.h"
#include "server/fetch/connection_budget.h"
#include "server/fetch/retry.h"
#include "server/net/http_transport.h"
#include "server/store/partial.h"
#include "server/store/space.h"

namespace hubd {

struct DownloadOptions {
  RetryOptions retry;
  // What is checked, kept and fetched again as one.
  int64_t part_bytes = 2 << 20;
};

// All must outlive the download.
struct DownloadParts {
  HttpTransport& http;
  ConnectionBudget& connections;
  Space& space;
  const Clock& clock;
};

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
  // The one that began what is there.
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
// Asks for ranges: for 16 parts at first, which many objects are no longer
// than, then, where the server gives ranges, a length and a strong validator,
// for the rest over several connections (lane_count.h), each request for 4 to
// 16 parts, with If-Range. Each part's checksum goes into the ledger soon
// after the part is on the disk, so that a later call goes on from there. Other
// servers send all in one stream; a failure then costs all that came, unless a
// range of the rest can be had. A failure that may pass is tried again soon
// (retry.h). Room for all of it is asked of the space before the first byte is
// taken, or much at a time where the server gives no length. `progress` is
// called on the caller's thread, some ten times a second: phases kConnecting,
// kDownloading and kWaiting, without a subject.
//
// Errors: those of HttpTransport::Fetch, ErrorOfResponse with
// CHECKPOINT_NOT_FOUND, DISK_FULL; CANCELLED soon after the stop. After one the
// partial's ledger says what is there; without a ledger the partial was
// removed.
absl::StatusOr<Downloaded> Download(const DownloadOptions& options,
                                    const DownloadParts& parts,
                                    const DownloadRequest& request,
                                    Partial& partial,
                                    const ProgressFn& progress,
                                    const std::stop_token& stop);

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_DOWNLOAD_H_
