// One request of a transfer, and its answer.

#ifndef HUBD_SERVER_FETCH_EXCHANGE_H_
#define HUBD_SERVER_FETCH_EXCHANGE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/fetch/contents.h"
#include "server/fetch/part_plan.h"
#include "server/net/http_transport.h"
#include "server/store/ledger.h"

namespace hubd {

// What is asked for.
struct Ask {
  // Nothing is known to hold yet: the answer may be of any object.
  bool opens = true;
  // nullopt: all bytes.
  std::optional<ByteRange> range = {};
  // Where the range is of an object of which something is known or there.
  std::optional<Ledger> object = {};
  std::optional<Contents::Span> span = {};
  // As in HttpRequest.
  std::vector<std::string> avoided_addresses = {};
};

// Decides whether the answer brings what was asked for, and writes it.
// Thread-compatible.
class Exchange final : public HttpHandler {
 public:
  // Called on the thread that fetches.
  class Listener {
   public:
    virtual ~Listener() = default;
    // Bytes follow that are taken. `has_ranges`: others can be had by ranges.
    virtual void OnOpened(const HttpResponse& response, bool has_ranges) = 0;
    // `costs_all`: a break would cost what came.
    virtual void OnReceived(int64_t bytes, bool costs_all) = 0;
  };

  // What became of it, beside the status. kRefused: the server may not give
  // ranges, or not at this time. kOther: it has another object, or gives no
  // ranges. Of neither nor of kNoRange was anything taken.
  enum class Verdict { kTaken, kUnchanged, kRefused, kNoRange, kOther };

  struct Options {
    std::string url;
    // As in DownloadRequest; sent by the ask that opens.
    std::vector<std::string> conditions;
    std::optional<absl::Duration> connect_timeout;
    int64_t part_bytes = 0;
  };

  // All must outlive it.
  Exchange(const Options& options, const Ask& ask, Contents& contents,
           Listener& listener);

  HttpRequest Request() const;
  absl::Status OnResponse(const HttpResponse& response) override;
  absl::Status OnBody(absl::string_view bytes) override;

  // After the request, which ended so: gives back what did not come. The status
  // as it counts.
  absl::Status Finish(absl::Status status);

  Verdict verdict() const { return verdict_; }
  // What was there before was of no use.
  bool met_other() const { return met_other_; }
  // The server named another validator.
  bool changed() const { return changed_; }

 private:
  absl::Status OnRange(const HttpResponse& response);
  absl::Status OnAll(const HttpResponse& response);
  // What the answer brings is all that is known.
  absl::Status Begin(const HttpResponse& response, std::optional<Ledger> ledger,
                     int64_t end, bool has_ranges);
  absl::Status WriteGathered(size_t count);
  absl::Status Refuse(Verdict verdict, const HttpResponse& response);
  void NoteOther(const HttpResponse& response);
  std::optional<Ledger> LedgerFor(const HttpResponse& response,
                                  int64_t size) const;

  const Options& options_;
  const Ask& ask_;
  Contents& contents_;
  Listener& listener_;
  std::optional<Contents::Span> span_;
  // Came, and is not yet written.
  std::string gathered_;
  std::chrono::steady_clock::time_point written_at_ = {};
  // Where the answer's bytes end; -1: not known.
  int64_t end_ = -1;
  bool costs_all_ = false;
  bool met_other_ = false;
  bool changed_ = false;
  Verdict verdict_ = Verdict::kTaken;
};

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_EXCHANGE_H_
