#include "server/fetch/checkpoint_flight.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/digest.h"
#include "server/base/fs.h"
#include "server/base/log.h"
#include "server/base/status.h"
#include "server/base/unique_fd.h"
#include "server/fetch/archive.h"
#include "server/net/mirrors.h"

namespace hubd {
namespace {

constexpr int kHttpOk = 200;
constexpr int kHttpNotModified = 304;
constexpr int64_t kWriteBackBytes = 8 << 20;

// Longer ones are taken for absent: the index keeps them, and memory.
constexpr size_t kMaxHeader = 1024;

std::string HeaderOf(const HttpResponse& response, const std::string& name) {
  auto found = response.headers.find(name);
  const bool usable =
      found != response.headers.end() && found->second.size() <= kMaxHeader;
  return usable ? found->second : "";
}

// Writes a body to a file and hashes it.
class FileHandler final : public HttpHandler {
 public:
  // Of `url`, asked for at `source_url`. `conditional`: the server may answer
  // that nothing changed.
  FileHandler(std::string url, std::string source_url, bool conditional, int fd,
              FlightTable::Context& flight)
      : url_(std::move(url)),
        source_url_(std::move(source_url)),
        conditional_(conditional),
        fd_(fd),
        flight_(flight) {
    progress_.phase = Progress::Phase::kDownloading;
    progress_.subject = RedactUrl(url_);
  }

  absl::Status OnResponse(const HttpResponse& response) override {
    response_ = response;
    if (unchanged()) return absl::OkStatus();
    if (response.status != kHttpOk) {
      return ErrorOfResponse(response, source_url_,
                             Reason::kCheckpointNotFound);
    }
    progress_.total_bytes = std::max<int64_t>(response.content_length, 0);
    flight_.Report(progress_);
    return absl::OkStatus();
  }

  absl::Status OnBody(absl::string_view bytes) override {
    if (response_.status != kHttpOk) return absl::OkStatus();
    HUBD_RETURN_IF_ERROR(Annotate(
        WriteAll(fd_, bytes), absl::StrCat("cannot store ", RedactUrl(url_))));
    hasher_.Update(bytes);
    progress_.done_bytes += bytes.size();
    WriteBack();
    flight_.Report(progress_);
    return absl::OkStatus();
  }

  bool unchanged() const {
    return conditional_ && response_.status == kHttpNotModified;
  }

  // What came, without a path. Ends the handler.
  CheckpointObject Finish() {
    CheckpointObject checkpoint;
    checkpoint.url = url_;
    checkpoint.sha256 = hasher_.Finish();
    checkpoint.size_bytes = progress_.done_bytes;
    checkpoint.etag = HeaderOf(response_, "etag");
    checkpoint.last_modified = HeaderOf(response_, "last-modified");
    checkpoint.content_type = HeaderOf(response_, "content-type");
    return checkpoint;
  }

  // Whether the end of the body was marked.
  bool framed() const { return response_.framed; }

 private:
  // Has the disk begin while the rest comes, so that the fsync before
  // publishing finds little to do. A hint only: what it says of errors, fsync
  // says again.
  void WriteBack() {
    const int64_t fresh = progress_.done_bytes - writing_back_;
    if (fresh < kWriteBackBytes) return;
    ::sync_file_range(fd_, writing_back_, fresh, SYNC_FILE_RANGE_WRITE);
    writing_back_ = progress_.done_bytes;
  }

  const std::string url_;
  const std::string source_url_;
  const bool conditional_;
  const int fd_;
  FlightTable::Context& flight_;
  Progress progress_;
  // The disk was told to begin with so many bytes.
  int64_t writing_back_ = 0;
  HttpResponse response_;
  Hasher hasher_;
};

// What is known of earlier bytes is the origin's word, which no mirror knows.
HttpRequest RequestFor(const Source& source,
                       const std::optional<CheckpointObject>& known) {
  HttpRequest request;
  request.url = source.url;
  request.connect_timeout = source.connect_timeout;
  if (source.is_mirror) return request;
  if (known && !known->etag.empty()) {
    request.headers.push_back(absl::StrCat("If-None-Match: ", known->etag));
  } else if (known && !known->last_modified.empty()) {
    request.headers.push_back(
        absl::StrCat("If-Modified-Since: ", known->last_modified));
  }
  return request;
}

// What one source gives, in the file `fd`, or the known one where that is still
// so: `cached`. Nothing is published.
absl::StatusOr<Fetched> FetchFrom(const FetchContext& context,
                                  const std::string& url, const Source& source,
                                  const std::optional<CheckpointObject>& known,
                                  int fd, FlightTable::Context& flight) {
  const HttpRequest request = RequestFor(source, known);
  FileHandler handler(url, source.url, /*conditional=*/!request.headers.empty(),
                      fd, flight);
  HUBD_RETURN_IF_ERROR(
      context.parts.http.Fetch(request, handler, flight.stop()));
  if (handler.unchanged()) {
    Fetched hit{*known};
    hit.cached = true;
    return hit;
  }
  CheckpointObject checkpoint = handler.Finish();
  if (source.is_mirror) {
    checkpoint.etag.clear();
    checkpoint.last_modified.clear();
  }
  Fetched fetched{std::move(checkpoint)};
  if (!handler.framed()) {
    fetched.warnings.push_back(absl::StrCat(
        RedactUrl(source.url),
        ": the server marked no end of the body, so that it may be cut; give "
        "its sha256 to be sure"));
  }
  return fetched;
}

}  // namespace

absl::StatusOr<Fetched> FetchUrl(const FetchContext& context,
                                 const std::string& url, bool refresh,
                                 FlightTable::Context& flight) {
  Store& store = context.parts.store;
  HUBD_ASSIGN_OR_RETURN(std::optional<CheckpointObject> known,
                        store.FindCheckpoint(kSharedDomain, url));
  if (known && !refresh) {
    Fetched hit{*std::move(known)};
    hit.cached = true;
    hit.asked = false;
    return hit;
  }
  std::optional<Store::StagedFile> staged;
  Fetched fetched;
  absl::Status origin;
  HUBD_RETURN_IF_ERROR(AskInTurn(
      context.parts.mirrors.SourcesOf(url, /*origin_first=*/refresh),
      [&](const Source& source) -> absl::Status {
        HUBD_ASSIGN_OR_RETURN(Store::StagedFile fresh, store.StageFile());
        staged.emplace(std::move(fresh));
        absl::StatusOr<Fetched> here =
            FetchFrom(context, url, source, known, staged->fd.get(), flight);
        if (!source.is_mirror) origin = here.status();
        HUBD_ASSIGN_OR_RETURN(fetched, std::move(here));
        return fetched.cached ? absl::OkStatus() : flight.Judge(fetched);
      }));
  if (fetched.cached) return fetched;
  if (refresh && !origin.ok()) {
    fetched.warnings.push_back(
        absl::StrCat(RedactUrl(url), ": a mirror's bytes are used, since ",
                     origin.message()));
  }
  HUBD_ASSIGN_OR_RETURN(
      CheckpointObject published,
      store.PublishCheckpoint(
          std::move(staged->staging),
          std::get<CheckpointObject>(std::move(fetched.object))));
  HUBD_LOG(kInfo) << "event=publish url=" << LogQuote(RedactUrl(url))
                  << " sha256=" << published.sha256
                  << " bytes=" << published.size_bytes;
  fetched.object = std::move(published);
  return fetched;
}

absl::StatusOr<Fetched> VerifyBlob(const FetchContext& context,
                                   const CheckpointObject& checkpoint,
                                   FlightTable::Context& flight) {
  HUBD_RETURN_IF_ERROR(context.parts.store.Verify(checkpoint, flight.stop()));
  return Fetched{checkpoint};
}

absl::StatusOr<Fetched> UnpackBlob(const FetchContext& context,
                                   const std::string& sha256,
                                   FlightTable::Context& flight) {
  Store& store = context.parts.store;
  HUBD_ASSIGN_OR_RETURN(std::optional<UnpackedObject> known,
                        store.FindUnpacked(sha256));
  if (known) {
    Fetched hit{*std::move(known)};
    hit.cached = true;
    return hit;
  }
  Progress progress;
  progress.phase = Progress::Phase::kUnpacking;
  progress.subject = sha256;
  flight.Report(progress);
  std::string path = store.layout().Blob(sha256);
  UniqueFd blob(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!blob.valid()) {
    return ErrnoError(errno, absl::StrCat("cannot open ", path));
  }
  HUBD_ASSIGN_OR_RETURN(Staging staging, store.StageDirectory());
  HUBD_ASSIGN_OR_RETURN(UnpackedZip unpacked,
                        UnpackZip(blob.get(), staging.path(),
                                  context.options.tree_limits, flight.stop()));
  UnpackedObject object;
  object.sha256 = sha256;
  object.members = std::move(unpacked.members);
  object.size_bytes = unpacked.size_bytes;
  HUBD_ASSIGN_OR_RETURN(
      object, store.PublishUnpacked(std::move(staging), std::move(object)));
  return Fetched{std::move(object)};
}

}  // namespace hubd
