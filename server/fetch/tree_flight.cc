#include "server/fetch/tree_flight.h"

#include <string>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/log.h"
#include "server/base/status.h"
#include "server/base/thread.h"
#include "server/fetch/archive.h"
#include "server/fetch/byte_pipe.h"

namespace hubd {
namespace {

constexpr size_t kPipeBytes = 512 << 10;
constexpr int kHttpOk = 200;
constexpr char kWayOut[] =
    "; nothing of it is kept. Try again later or with another ref";

// Whether an older answer may stand in for this failure.
bool IsSilence(const absl::Status& status) {
  return ReasonOf(status) == Reason::kUpstreamUnavailable ||
         ReasonOf(status) == Reason::kRateLimited;
}

// Hands an archive's bytes on to the unpacker.
class ArchiveHandler final : public HttpHandler {
 public:
  ArchiveHandler(std::string url, std::string subject, BytePipe& pipe,
                 FlightTable::Context& flight)
      : url_(std::move(url)), pipe_(pipe), flight_(flight) {
    progress_.phase = Progress::Phase::kDownloading;
    progress_.subject = std::move(subject);
  }

  absl::Status OnResponse(const HttpResponse& response) override {
    if (response.status != kHttpOk) {
      return ErrorOfResponse(response, url_, Reason::kRefNotFound);
    }
    // A login page or a portal's, which the unpacker would call damaged.
    auto type = response.headers.find("content-type");
    if (type != response.headers.end() &&
        absl::StartsWithIgnoreCase(type->second, "text/html")) {
      return ReasonError(
          Reason::kUpstreamUnavailable,
          absl::StrCat("the server sent an HTML page in place of the archive ",
                       RedactUrl(url_),
                       "; open it in a browser to see what it wants"),
          {{"url", RedactUrl(url_)}, {"cause", "page"}});
    }
    progress_.total_bytes = std::max<int64_t>(response.content_length, 0);
    flight_.Report(progress_);
    return absl::OkStatus();
  }

  absl::Status OnBody(absl::string_view bytes) override {
    HUBD_RETURN_IF_ERROR(pipe_.Write(bytes));
    progress_.done_bytes += bytes.size();
    flight_.Report(progress_);
    return absl::OkStatus();
  }

 private:
  const std::string url_;
  BytePipe& pipe_;
  FlightTable::Context& flight_;
  Progress progress_;
};

std::string ArchiveUrl(const TreeKey& key) {
  return absl::StrCat(key.repo.Url(), "/archive/", key.commit, ".tar.gz");
}

// Downloads and unpacks at once: the transfer on this thread, the unpacker on
// one of its own, a bounded pipe between them.
absl::StatusOr<UnpackedTree> DownloadInto(const FetchContext& context,
                                          const TreeKey& key,
                                          const std::string& directory,
                                          FlightTable::Context& flight) {
  BytePipe pipe(kPipeBytes);
  absl::StatusOr<UnpackedTree> unpacked = absl::UnknownError("not unpacked");
  HUBD_ASSIGN_OR_RETURN(
      std::jthread unpacker, StartThread([&, stop = flight.stop()] {
        unpacked = UnpackTree(
            [&](char* buffer, size_t size) { return pipe.Read(buffer, size); },
            directory, context.options.tree_limits, stop);
        pipe.CloseReader(unpacked.status());
      }));
  HttpRequest request;
  request.url = ArchiveUrl(key);
  ArchiveHandler handler(
      request.url,
      absl::StrCat(key.repo.ToString(), " at ", key.commit.substr(0, 12)), pipe,
      flight);
  absl::Status fetched =
      context.parts.http.Fetch(request, handler, flight.stop());
  pipe.CloseWriter(fetched);
  unpacker.join();
  if (!unpacked.ok()) {
    absl::Status why = unpacked.status();
    if (ReasonOf(why) == Reason::kBadArchive) {
      why = ReasonError(Reason::kBadArchive,
                        absl::StrCat(why.message(), kWayOut));
    }
    return Annotate(why, absl::StrCat("cannot load ", key.repo.ToString(),
                                      " at ", key.commit));
  }
  HUBD_RETURN_IF_ERROR(fetched);
  if (IsCommit(unpacked->commit) && unpacked->commit != key.commit) {
    return ReasonError(
        Reason::kBadArchive,
        absl::StrCat("cannot load ", key.repo.ToString(), " at ", key.commit,
                     ": the archive is of another commit, ", unpacked->commit,
                     kWayOut));
  }
  return unpacked;
}

}  // namespace

absl::StatusOr<Fetched> FetchRefs(const FetchContext& context,
                                  const RepoId& repo, absl::Time since,
                                  FlightTable::Context& flight) {
  const FetchParts& parts = context.parts;
  HUBD_ASSIGN_OR_RETURN(std::shared_ptr<const RefsObject> known,
                        parts.store.catalog().LookupRefs(kSharedDomain, repo));
  // An answer from the future was kept before the clock was set back.
  if (known && known->asked_at >= since &&
      known->asked_at <= parts.clock.Now()) {
    return Fetched{*known};
  }
  Progress progress;
  progress.phase = Progress::Phase::kResolving;
  progress.subject = repo.ToString();
  flight.Report(progress);
  absl::StatusOr<Advertisement> answer =
      parts.git.ListRefs(repo.Url(), flight.stop());
  if (!answer.ok()) {
    absl::Status failure =
        Annotate(answer.status(),
                 absl::StrCat("cannot ask for the refs of ", repo.ToString()));
    if (!known || !IsSilence(failure)) return failure;
    HUBD_LOG(kWarning) << "event=refs_stale repo=" << repo.ToString()
                       << " why=" << LogQuote(answer.status().message());
    Fetched stale{*known};
    stale.silence = std::move(failure);
    stale.cached = true;
    stale.warnings.push_back(absl::StrCat(
        repo.ToString(), ": the cached answer about its refs is used, since ",
        answer.status().message()));
    return stale;
  }
  RefsObject refs;
  refs.repo = repo;
  refs.advertisement = *std::move(answer);
  refs.asked_at = parts.clock.Now();
  HUBD_RETURN_IF_ERROR(parts.store.PublishRefs(refs));
  return Fetched{std::move(refs)};
}

absl::StatusOr<Fetched> FetchTreeArchive(const FetchContext& context,
                                         const TreeKey& key,
                                         FlightTable::Context& flight) {
  Store& store = context.parts.store;
  HUBD_ASSIGN_OR_RETURN(std::optional<TreeObject> known, store.FindTree(key));
  if (known) {
    Fetched hit{*std::move(known)};
    hit.cached = true;
    return hit;
  }
  HUBD_ASSIGN_OR_RETURN(Staging staging, store.StageDirectory());
  HUBD_ASSIGN_OR_RETURN(UnpackedTree unpacked,
                        DownloadInto(context, key, staging.path(), flight));
  TreeObject tree;
  tree.key = key;
  tree.size_bytes = unpacked.size_bytes;
  tree.entry_count = unpacked.entry_count;
  tree.warnings = std::move(unpacked.warnings);
  HUBD_ASSIGN_OR_RETURN(
      tree,
      store.PublishTree(std::move(staging), std::move(tree), flight.stop()));
  HUBD_LOG(kInfo) << "event=publish repo=" << key.repo.ToString()
                  << " commit=" << key.commit << " bytes=" << tree.size_bytes
                  << " entries=" << tree.entry_count;
  return Fetched{std::move(tree)};
}

}  // namespace hubd
