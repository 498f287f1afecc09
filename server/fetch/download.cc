#include "server/fetch/download.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <utility>

#include "absl/random/random.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/crc32c.h"
#include "server/base/digest.h"
#include "server/base/log.h"
#include "server/base/mutex.h"
#include "server/base/status.h"

namespace hubd {
namespace {

constexpr int kHttpOk = 200;
constexpr int kHttpPartialContent = 206;
constexpr int kHttpNotModified = 304;

constexpr int64_t kPartBytes = 8 << 20;
// What a sudden end costs at most, besides the part that is on its way: the
// ledger is written when so much is there that it does not name.
constexpr int64_t kUnsavedBytes = 64 << 20;
constexpr int64_t kReadBytes = 1 << 20;
// A try with less of a body is one without progress: a server that sends a few
// bytes now and then would be asked for ever.
constexpr int64_t kProgressBytes = 256 << 10;
// Longer validators are taken for absent.
constexpr size_t kMaxValidator = 1024;

std::string HeaderOf(const HttpResponse& response, const char* name) {
  auto found = response.headers.find(name);
  return found == response.headers.end() ? "" : found->second;
}

absl::Time TimeOf(const std::string& date) {
  absl::Time time;
  const bool read = absl::ParseTime("%a, %d %b %Y %H:%M:%S GMT", date, &time,
                                    /*err=*/nullptr);
  return read ? time : absl::InfinitePast();
}

// As If-Range takes it; empty where nothing is sure to tell two objects apart.
// A date of the last change does so a minute later (RFC 9110, 8.8.2.2).
std::string ValidatorOf(const HttpResponse& response) {
  const std::string etag = HeaderOf(response, "etag");
  if (!etag.empty()) {
    const bool strong =
        etag.size() <= kMaxValidator && absl::StartsWith(etag, "\"");
    return strong ? etag : "";
  }
  const std::string changed = HeaderOf(response, "last-modified");
  const absl::Time time = TimeOf(changed);
  if (time == absl::InfinitePast()) return "";
  const absl::Duration age = TimeOf(HeaderOf(response, "date")) - time;
  return age >= absl::Minutes(1) ? changed : "";
}

std::string ContentTypeOf(const HttpResponse& response) {
  return HeaderOf(response, "content-type").substr(0, kMaxValidator);
}

// Whether a server, or one in between, says by its status that it gives no
// ranges; without one it may give all.
bool RefusesRange(const HttpResponse& response) {
  const int status = response.status;
  return status >= 400 && status < 500 && status != 401 && status != 404 &&
         status != 410 && !IsRateLimit(response);
}

// Whether the answer is about the object that has the validator.
bool Has(const HttpResponse& response, const std::string& validator) {
  const bool is_etag = absl::StartsWith(validator, "\"");
  return HeaderOf(response, is_etag ? "etag" : "last-modified") == validator;
}

// Whether the disk has room for so many bytes more. What cannot be told counts
// as room. Nothing is set aside: who breaks off would keep it from all others.
absl::Status CheckRoom(int fd, int64_t bytes) {
  struct statvfs info;
  if (::fstatvfs(fd, &info) != 0 || info.f_blocks == 0) {
    return absl::OkStatus();
  }
  const uint64_t room = uint64_t{info.f_bavail} * info.f_frsize;
  if (static_cast<uint64_t>(bytes) <= room) return absl::OkStatus();
  return ReasonError(Reason::kDiskFull, absl::StrCat("it has ", bytes,
                                                     " bytes, and the disk has "
                                                     "room for ",
                                                     room));
}

absl::Status WriteAt(int fd, absl::string_view bytes, int64_t offset) {
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(fd, bytes.data(), bytes.size(), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoError(errno, "cannot write");
    bytes.remove_prefix(count);
    offset += count;
  }
  return absl::OkStatus();
}

// What has come, from the first byte on without a gap: the bytes in the
// partial's file, their digest, and the ledger of them.
class Bytes {
 public:
  explicit Bytes(Partial& partial) : partial_(partial) {}

  // Takes up what the ledger names, but for the object's last part.
  absl::Status TakeUp(const std::stop_token& stop);
  // From the first byte again. `ledger` has no parts; nullopt: none is kept.
  absl::Status Restart(std::optional<Ledger> ledger);
  absl::Status Append(absl::string_view bytes);
  // Has the ledger name all parts that are there.
  absl::Status Save();
  // Ends it.
  std::string FinishDigest() { return hasher_.Finish(); }

  int64_t count() const { return count_; }
  // Null where the bytes cannot be gone on with.
  const Ledger* ledger() const { return ledger_ ? &*ledger_ : nullptr; }
  bool complete() const { return ledger_ && count_ == ledger_->size; }

 private:
  int64_t PartEnd() const;
  absl::Status EndPart();

  Partial& partial_;
  Hasher hasher_;
  int64_t count_ = 0;
  std::optional<Ledger> ledger_;
  // Of the part that is coming.
  uint32_t crc_ = 0;
  int64_t saved_bytes_ = 0;
  // The disk was told to begin with so many.
  int64_t writing_back_ = 0;
};

absl::Status Bytes::TakeUp(const std::stop_token& stop) {
  ledger_ = partial_.ledger();
  if (!ledger_) return absl::OkStatus();
  const int64_t last = (ledger_->size - 1) / ledger_->part_size;
  int64_t parts = 0;
  while (parts < last && ledger_->parts.contains(parts)) ++parts;
  ledger_->parts.erase(ledger_->parts.lower_bound(parts), ledger_->parts.end());
  const auto buffer = std::make_unique_for_overwrite<char[]>(kReadBytes);
  const int64_t end = parts * ledger_->part_size;
  while (count_ < end) {
    if (stop.stop_requested()) return absl::CancelledError("stopped reading");
    const ssize_t got = ::pread(partial_.fd(), buffer.get(),
                                std::min(kReadBytes, end - count_), count_);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return ErrnoError(got < 0 ? errno : EIO, "cannot read");
    hasher_.Update({buffer.get(), static_cast<size_t>(got)});
    count_ += got;
  }
  saved_bytes_ = writing_back_ = count_;
  return absl::OkStatus();
}

absl::Status Bytes::Restart(std::optional<Ledger> ledger) {
  HUBD_RETURN_IF_ERROR(partial_.Restart());
  hasher_ = Hasher();
  ledger_ = std::move(ledger);
  count_ = saved_bytes_ = writing_back_ = 0;
  crc_ = 0;
  if (!ledger_) return absl::OkStatus();
  return CheckRoom(partial_.fd(), ledger_->size);
}

int64_t Bytes::PartEnd() const {
  const int64_t begin = count_ - count_ % ledger_->part_size;
  return std::min(begin + ledger_->part_size, ledger_->size);
}

absl::Status Bytes::Append(absl::string_view bytes) {
  while (!bytes.empty()) {
    absl::string_view now = bytes;
    if (ledger_) {
      if (count_ == ledger_->size) {
        return absl::DataLossError("the body is longer than its length says");
      }
      now = bytes.substr(0, PartEnd() - count_);
    }
    HUBD_RETURN_IF_ERROR(WriteAt(partial_.fd(), now, count_));
    hasher_.Update(now);
    const int64_t end = ledger_ ? PartEnd() : -1;
    crc_ = ExtendCrc32c(crc_, now);
    count_ += static_cast<int64_t>(now.size());
    if (count_ == end) HUBD_RETURN_IF_ERROR(EndPart());
    bytes.remove_prefix(now.size());
  }
  // Has the disk begin while the rest comes, so that the sync finds little to
  // do. A hint only: what it says of errors, the sync says again.
  if (count_ - writing_back_ >= kPartBytes) {
    ::sync_file_range(partial_.fd(), writing_back_, count_ - writing_back_,
                      SYNC_FILE_RANGE_WRITE);
    writing_back_ = count_;
  }
  return absl::OkStatus();
}

absl::Status Bytes::EndPart() {
  ledger_->parts[(count_ - 1) / ledger_->part_size] = std::exchange(crc_, 0);
  const bool last = count_ == ledger_->size;
  if (last || count_ - saved_bytes_ < kUnsavedBytes) return absl::OkStatus();
  return Save();
}

absl::Status Bytes::Save() {
  if (!ledger_ || ledger_->parts.empty()) return absl::OkStatus();
  HUBD_RETURN_IF_ERROR(partial_.Save(*ledger_));
  saved_bytes_ =
      static_cast<int64_t>(ledger_->parts.size()) * ledger_->part_size;
  return absl::OkStatus();
}

// One request for all, or for the rest, and its answer.
class Stream final : public HttpHandler {
 public:
  Stream(const DownloadRequest& request, Bytes& bytes,
         const std::function<void(int64_t, int64_t)>& progress,
         Downloaded& result)
      : request_(request),
        bytes_(bytes),
        progress_(progress),
        result_(result),
        from_(bytes.count()) {}

  HttpRequest Request() const {
    HttpRequest request;
    request.url = request_.url;
    request.connect_timeout = request_.connect_timeout;
    request.headers = request_.conditions;
    if (from_ > 0) {
      request.headers.push_back(absl::StrCat("Range: bytes=", from_, "-"));
      request.headers.push_back(
          absl::StrCat("If-Range: ", bytes_.ledger()->validator));
    }
    return request;
  }

  absl::Status OnResponse(const HttpResponse& response) override {
    result_.response = response;
    ask_for_all_ = from_ > 0 && RefusesRange(response);
    result_.unchanged =
        response.status == kHttpNotModified && !request_.conditions.empty();
    if (result_.unchanged) return absl::OkStatus();
    if (from_ > 0 && response.status == kHttpPartialContent) {
      ask_for_all_ = !IsTheRest(response);
    }
    if (ask_for_all_) {
      NoteOthers(response);
      return absl::AbortedError("not the rest of what is there");
    }
    if (from_ > 0 && response.status == kHttpPartialContent) {
      // It need not say again what the first one said.
      result_.response.headers.try_emplace("content-type",
                                           bytes_.ledger()->content_type);
      return absl::OkStatus();
    }
    if (response.status != kHttpOk) {
      return ErrorOfResponse(response, request_.url,
                             Reason::kCheckpointNotFound);
    }
    if (from_ > 0) NoteOthers(response);
    HUBD_RETURN_IF_ERROR(
        Annotate(bytes_.Restart(LedgerFor(response)),
                 absl::StrCat("cannot store ", RedactUrl(request_.url))));
    progress_(0, std::max<int64_t>(response.content_length, 0));
    return absl::OkStatus();
  }

  absl::Status OnBody(absl::string_view bytes) override {
    if (result_.unchanged) return absl::OkStatus();
    HUBD_RETURN_IF_ERROR(
        Annotate(bytes_.Append(bytes),
                 absl::StrCat("cannot store ", RedactUrl(request_.url))));
    const Ledger* ledger = bytes_.ledger();
    progress_(bytes_.count(),
              ledger != nullptr
                  ? ledger->size
                  : std::max<int64_t>(result_.response.content_length, 0));
    return absl::OkStatus();
  }

  // The server does not give the rest of what is there.
  bool ask_for_all() const { return ask_for_all_; }
  // What was there was of no use.
  bool met_others() const { return others_; }
  // Much came, and need not come again.
  bool progressed() const {
    return bytes_.ledger() != nullptr && !others_ &&
           bytes_.count() - from_ >= kProgressBytes;
  }

 private:
  // nullopt: what breaks off begins anew.
  std::optional<Ledger> LedgerFor(const HttpResponse& response) const {
    std::string validator = ValidatorOf(response);
    if (response.content_length <= 0 || validator.empty()) return std::nullopt;
    return Ledger{.url = request_.url,
                  .validator = std::move(validator),
                  .size = response.content_length,
                  .part_size = kPartBytes,
                  .parts = {},
                  .content_type = ContentTypeOf(response)};
  }

  bool IsTheRest(const HttpResponse& response) const {
    const int64_t size = bytes_.ledger()->size;
    const std::string encoding = HeaderOf(response, "content-encoding");
    return HeaderOf(response, "content-range") ==
               absl::StrCat("bytes ", from_, "-", size - 1, "/", size) &&
           Has(response, bytes_.ledger()->validator) &&
           (response.content_length < 0 ||
            response.content_length == size - from_) &&
           (encoding.empty() || encoding == "identity");
  }

  // What is there is of no use. It need not be another object: a server may
  // just give no ranges.
  void NoteOthers(const HttpResponse& response) {
    others_ = true;
    result_.resumed = false;
    const std::string& validator = bytes_.ledger()->validator;
    const std::string said = HeaderOf(
        response, absl::StartsWith(validator, "\"") ? "etag" : "last-modified");
    if (!said.empty() && said != validator) result_.changed = true;
  }

  const DownloadRequest& request_;
  Bytes& bytes_;
  const std::function<void(int64_t, int64_t)>& progress_;
  Downloaded& result_;
  const int64_t from_;
  bool ask_for_all_ = false;
  bool others_ = false;
};

// CANCELLED where the stop comes first.
absl::Status Pause(absl::Duration pause, const std::stop_token& stop) {
  Mutex mutex;
  CondVar stopped;
  const std::stop_callback wake(stop, [&] {
    MutexLock lock(mutex);
    stopped.NotifyAll();
  });
  const auto end =
      std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(pause);
  MutexLock lock(mutex);
  while (!stop.stop_requested()) {
    if (stopped.WaitUntil(mutex, end) == std::cv_status::timeout) {
      return absl::OkStatus();
    }
  }
  return absl::CancelledError("stopped between two tries");
}

absl::Status ShortError(const std::string& url) {
  const std::string shown = RedactUrl(url);
  return ReasonError(Reason::kUpstreamUnavailable,
                     absl::StrCat("cannot fetch ", shown,
                                  ": the server ended the answer before what "
                                  "it had announced; try again later"),
                     {{"url", shown}, {"cause", "cut"}});
}

// Requests until all is there, or one fails for good.
absl::Status Fetch(const RetryOptions& options, HttpTransport& http,
                   const DownloadRequest& request, Bytes& bytes,
                   const std::function<void(int64_t, int64_t)>& progress,
                   Downloaded& result, const std::stop_token& stop) {
  absl::BitGen random;
  Retry retry(options, [&] { return absl::Uniform<double>(random, 0, 1); });
  bool ranges = true;
  bool met_others = false;
  while (true) {
    // What broke off is of no use.
    if (bytes.count() > 0 && (!ranges || bytes.ledger() == nullptr)) {
      HUBD_RETURN_IF_ERROR(bytes.Restart(std::nullopt));
    }
    Stream stream(request, bytes, progress, result);
    absl::Status status = http.Fetch(stream.Request(), stream, stop);
    if (status.ok()) {
      const bool short_of = bytes.ledger() != nullptr && !bytes.complete();
      if (result.unchanged || !short_of) return status;
      status = ShortError(request.url);
    } else if (bytes.complete() && IsTransient(status)) {
      return absl::OkStatus();  // It broke off behind the last byte.
    }
    if (stream.ask_for_all()) {
      ranges = false;
      continue;
    }
    // Servers that do not agree would be asked for ever.
    if (stream.met_others() && std::exchange(met_others, true)) ranges = false;
    if (ranges && stream.progressed()) retry.NoteProgress();
    HUBD_ASSIGN_OR_RETURN(const absl::Duration wait, retry.After(status));
    HUBD_LOG(kInfo) << "event=retry url=" << LogQuote(RedactUrl(request.url))
                    << " after_ms=" << absl::ToInt64Milliseconds(wait)
                    << " bytes=" << bytes.count()
                    << " error=" << LogQuote(status.message());
    HUBD_RETURN_IF_ERROR(Pause(wait, stop));
  }
}

// Keeps what the ledger can name. Without a ledger, or where the disk is full,
// the partial is removed.
void Keep(const absl::Status& failure, Bytes& bytes, Partial& partial) {
  absl::Status status = bytes.Save();
  const bool full = ReasonOf(failure) == Reason::kDiskFull || !status.ok();
  if (full || !partial.ledger()) status.Update(partial.Remove());
  if (!status.ok()) {
    HUBD_LOG(kWarning) << "event=partial_not_kept error="
                       << LogQuote(status.message());
  }
}

// Whether the partial is of other bytes than those that the conditions are
// about: then these are what is wanted.
bool IsNewer(const Partial& partial, const std::vector<std::string>& known) {
  return partial.ledger() &&
         std::none_of(known.begin(), known.end(), [&](const auto& condition) {
           return absl::EndsWith(condition, partial.ledger()->validator);
         });
}

}  // namespace

absl::StatusOr<Downloaded> Download(
    const RetryOptions& options, HttpTransport& http,
    const DownloadRequest& request, Partial& partial,
    const std::function<void(int64_t done, int64_t total)>& progress,
    const std::stop_token& stop) {
  DownloadRequest asked = request;
  Bytes bytes(partial);
  if (IsNewer(partial, request.conditions)) {
    asked.conditions.clear();
    HUBD_RETURN_IF_ERROR(bytes.TakeUp(stop));
  }
  Downloaded result;
  result.resumed = bytes.count() > 0;
  absl::Status status =
      Fetch(options, http, asked, bytes, progress, result, stop);
  if (!status.ok()) {
    Keep(status, bytes, partial);
    return status;
  }
  if (result.unchanged) return result;
  // What follows may fail, or nobody may want it any more.
  if (bytes.count() > kPartBytes) HUBD_RETURN_IF_ERROR(bytes.Save());
  result.size_bytes = bytes.count();
  result.sha256 = bytes.FinishDigest();
  return result;
}

}  // namespace hubd
