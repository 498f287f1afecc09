#include "server/fetch/exchange.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/log.h"
#include "server/base/status.h"
#include "server/fetch/range_response.h"
#include "server/fetch/retry.h"
#include "server/net/url_identity.h"

namespace hubd {
namespace {

// TLS brings 16 KiB at a time. So many are written at once, up to a page's end,
// since a file has one writer at a time. A piece that comes after so long a
// time since the last write is written with what waits.
constexpr size_t kMaxGathered = 256 << 10;
constexpr auto kMaxGatherTime = std::chrono::milliseconds(50);
constexpr size_t kPageBytes = 4096;

// Of an object: the ledger names each, and is written again and again.
constexpr int64_t kMaxPartCount = 1 << 15;

constexpr int kHttpOk = 200;
constexpr int kHttpPartialContent = 206;
constexpr int kHttpNotModified = 304;

absl::Status ShortError(const std::string& url) {
  const std::string shown = RedactUrl(url);
  return ReasonError(Reason::kUpstreamUnavailable,
                     absl::StrCat("cannot fetch ", shown,
                                  ": the server ended the answer before what "
                                  "it had announced; try again later"),
                     {{"url", shown}, {"cause", "cut"}});
}

}  // namespace

Exchange::Exchange(const Options& options, const Ask& ask, Contents& contents,
                   Listener& listener)
    : options_(options),
      ask_(ask),
      contents_(contents),
      listener_(listener),
      span_(ask.span) {
  if (span_) end_ = span_->rest.end;
}

HttpRequest Exchange::Request() const {
  HttpRequest request;
  request.url = options_.url;
  request.connect_timeout = options_.connect_timeout;
  request.avoided_addresses = ask_.avoided_addresses;
  if (ask_.opens) request.headers = options_.conditions;
  if (ask_.range) {
    request.http1 = true;
    request.headers.push_back(absl::StrCat("Range: bytes=", ask_.range->begin,
                                           "-", ask_.range->end - 1));
  }
  if (ask_.object) {
    request.headers.push_back(
        absl::StrCat("If-Range: ", ask_.object->validator));
  }
  return request;
}

absl::Status Exchange::OnResponse(const HttpResponse& response) {
  if (ask_.opens && response.status == kHttpNotModified &&
      !options_.conditions.empty()) {
    verdict_ = Verdict::kUnchanged;
    listener_.OnOpened(response, /*has_ranges=*/false);
    return absl::OkStatus();
  }
  if (ask_.range && response.status == kHttpPartialContent) {
    return OnRange(response);
  }
  if (ask_.range && RefusesRange(response)) {
    return Refuse(Verdict::kNoRange, response);
  }
  if (response.status != kHttpOk) {
    // Of an object of which nothing is known, it is not given at all.
    if (ask_.object && MayRefuseRange(response)) verdict_ = Verdict::kRefused;
    return ErrorOfResponse(response, options_.url, Reason::kCheckpointNotFound);
  }
  if (!ask_.opens) return Refuse(Verdict::kOther, response);
  return OnAll(response);
}

absl::Status Exchange::OnRange(const HttpResponse& response) {
  const std::optional<ContentRange> got = ContentRangeOf(response);
  if (!got || got->range.begin != ask_.range->begin ||
      got->range.end != std::min(ask_.range->end, got->size)) {
    return Refuse(Verdict::kNoRange, response);
  }
  if (!ask_.object) {
    std::optional<Ledger> ledger = LedgerFor(response, got->size);
    const bool whole = got->range.end == got->size;
    if (!ledger && !whole) return Refuse(Verdict::kNoRange, response);
    return Begin(response, std::move(ledger), got->range.end, !whole);
  }
  if (got->size != ask_.object->size ||
      !HasValidator(response, ask_.object->validator)) {
    return Refuse(Verdict::kOther, response);
  }
  if (!ask_.opens) return absl::OkStatus();
  HttpResponse opening = response;
  // It need not say again what the first one said.
  opening.headers.try_emplace("content-type", ask_.object->content_type);
  listener_.OnOpened(opening, /*has_ranges=*/true);
  return absl::OkStatus();
}

absl::Status Exchange::OnAll(const HttpResponse& response) {
  if (ask_.object || contents_.done_bytes() > 0) NoteOther(response);
  return Begin(response, LedgerFor(response, response.content_length),
               response.content_length, /*has_ranges=*/false);
}

absl::Status Exchange::Begin(const HttpResponse& response,
                             std::optional<Ledger> ledger, int64_t end,
                             bool has_ranges) {
  costs_all_ = costs_all_ || !ledger || !ask_.range;
  const int64_t expected = ledger ? ledger->size : std::max<int64_t>(end, 0);
  HUBD_RETURN_IF_ERROR(
      Annotate(contents_.Restart(std::move(ledger), expected),
               absl::StrCat("cannot store ", RedactUrl(options_.url))));
  end_ = end;
  span_ = contents_.Take(end < 0 ? std::numeric_limits<int64_t>::max() : end);
  listener_.OnOpened(response, has_ranges);
  return absl::OkStatus();
}

absl::Status Exchange::Refuse(Verdict verdict, const HttpResponse& response) {
  verdict_ = verdict;
  if (ask_.object) NoteOther(response);
  return absl::AbortedError("not the bytes that are missing");
}

// It need not be another object: a server may just give no ranges.
void Exchange::NoteOther(const HttpResponse& response) {
  met_other_ = costs_all_ = true;
  if (!ask_.object) return;
  const std::string& validator = ask_.object->validator;
  const bool is_etag = validator[0] == '"';
  const std::string said =
      HeaderOf(response, is_etag ? "etag" : "last-modified");
  changed_ = !said.empty() && said != validator;
}

std::optional<Ledger> Exchange::LedgerFor(const HttpResponse& response,
                                          int64_t size) const {
  std::string validator = ValidatorOf(response);
  if (size <= 0 || validator.empty()) return std::nullopt;
  int64_t part_size = options_.part_bytes;
  while (size / part_size >= kMaxPartCount) part_size *= 2;
  return Ledger{.url = UrlIdentity(options_.url),
                .validator = std::move(validator),
                .size = size,
                .part_size = part_size,
                .parts = {},
                .content_type = ContentTypeOf(response)};
}

absl::Status Exchange::OnBody(absl::string_view bytes) {
  if (verdict_ == Verdict::kUnchanged) return absl::OkStatus();
  gathered_.append(bytes.data(), bytes.size());
  if (std::chrono::steady_clock::now() - written_at_ >= kMaxGatherTime) {
    HUBD_RETURN_IF_ERROR(WriteGathered(gathered_.size()));
  } else if (gathered_.size() >= kMaxGathered) {
    const size_t beyond = (span_->rest.begin + gathered_.size()) % kPageBytes;
    HUBD_RETURN_IF_ERROR(WriteGathered(gathered_.size() - beyond));
  }
  listener_.OnReceived(static_cast<int64_t>(bytes.size()), costs_all_);
  return absl::OkStatus();
}

absl::Status Exchange::WriteGathered(size_t count) {
  if (count == 0) return absl::OkStatus();
  const absl::Status written =
      contents_.Write(*span_, absl::string_view(gathered_).substr(0, count));
  // What was written of it before a failure is not written again.
  gathered_.erase(0, written.ok() ? count : gathered_.size());
  if (!written.ok()) {
    return Annotate(written,
                    absl::StrCat("cannot store ", RedactUrl(options_.url)));
  }
  written_at_ = std::chrono::steady_clock::now();
  return absl::OkStatus();
}

absl::Status Exchange::Finish(absl::Status status) {
  status.Update(WriteGathered(gathered_.size()));
  // Without a length, the end of the body is the end.
  const bool knows_end = span_ && end_ >= 0;
  const bool whole = knows_end && span_->rest.begin == end_;
  if (status.ok() && verdict_ == Verdict::kTaken && knows_end && !whole) {
    status = ShortError(options_.url);
  } else if (IsTransient(status) && whole) {
    status = absl::OkStatus();  // It broke off behind the last byte.
  }
  if (span_) contents_.GiveBack(*span_);
  return status;
}

}  // namespace hubd
