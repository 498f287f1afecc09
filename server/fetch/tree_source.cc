#include "server/fetch/tree_source.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/log.h"
#include "server/base/status.h"
#include "server/net/git_source.h"

namespace hubd {
namespace {

constexpr char kArchiveRoute[] = "archive";
constexpr char kGitRoute[] = "git";
constexpr char kGitHub[] = "github.com";
constexpr int kHttpOk = 200;

using Sink = std::function<absl::Status(absl::string_view)>;

// Hands an archive's bytes on.
class ArchiveHandler final : public HttpHandler {
 public:
  ArchiveHandler(std::string url, Progress progress, const Sink& sink,
                 FlightTable::Context& flight)
      : url_(std::move(url)),
        progress_(std::move(progress)),
        sink_(sink),
        flight_(flight) {}

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
    HUBD_RETURN_IF_ERROR(sink_(bytes));
    progress_.done_bytes += bytes.size();
    flight_.Report(progress_);
    return absl::OkStatus();
  }

 private:
  const std::string url_;
  Progress progress_;
  const Sink& sink_;
  FlightTable::Context& flight_;
};

absl::Status FetchArchive(const FetchContext& context, const Source& source,
                          const Progress& progress, const Sink& sink,
                          FlightTable::Context& flight) {
  HttpRequest request;
  request.url = source.url;
  request.connect_timeout = source.connect_timeout;
  ArchiveHandler handler(request.url, progress, sink, flight);
  return context.HttpOf(flight).Fetch(request, handler, flight.stop());
}

absl::Status FetchByGit(const FetchContext& context, GitFetcher& objects,
                        const GitSource& source, const TreeKey& key,
                        Progress progress, const Sink& sink,
                        FlightTable::Context& flight) {
  HUBD_ASSIGN_OR_RETURN(const Staging scratch,
                        context.parts.store.StageDirectory());
  return objects.FetchFiles(
      source, key.commit, scratch.path(),
      [&](int64_t bytes) {
        progress.done_bytes = bytes;
        flight.Report(progress);
      },
      sink, flight.stop());
}

// Whether `status`, of an anonymous request, may hide what is private.
bool MayHideArchive(const absl::Status& status) {
  const std::optional<Reason> reason = ReasonOf(status);
  return reason == Reason::kRefNotFound ||
         reason == Reason::kUpstreamForbidden || reason == Reason::kRateLimited;
}

// GitHub makes archives of what is private for some kinds of tokens and not for
// others. Over git's protocol it takes all of them, and every login that gave
// the refs: so the same files come by git.
absl::Status FetchPrivateArchive(const FetchContext& context,
                                 const TreeKey& key, const Progress& progress,
                                 const absl::Status& refusal, const Sink& sink,
                                 FlightTable::Context& flight) {
  const GitSource source = {.url = key.repo.Url(),
                            .environment = context.environment,
                            .refused = true,
                            .exported = true,
                            .network = context.network};
  absl::Status fetched = FetchByGit(context, context.parts.objects, source, key,
                                    progress, sink, flight);
  const std::optional<Reason> reason = ReasonOf(fetched);
  if (reason != Reason::kUpstreamForbidden && reason != Reason::kRepoNotFound) {
    return fetched;
  }
  return ReasonError(*ReasonOf(refusal),
                     absl::StrCat(refusal.message(), "; ", fetched.message()),
                     MetadataOf(refusal));
}

}  // namespace

TreeKey KeyOfTree(const RepoId& repo, const std::string& commit) {
  return TreeKey{kSharedDomain, repo, commit,
                 repo.host == kGitHub ? kArchiveRoute : kGitRoute};
}

std::vector<Source> SourcesOfTree(const Mirrors& mirrors, const TreeKey& key) {
  std::string url = key.repo.Url();
  if (key.route == kArchiveRoute) {
    absl::StrAppend(&url, "/archive/", key.commit, ".tar.gz");
  }
  return mirrors.SourcesOf(url);
}

absl::Status FetchTreeBytes(const FetchContext& context, const TreeKey& key,
                            const Source& source, const Sink& sink,
                            FlightTable::Context& flight) {
  Progress progress;
  progress.phase = Progress::Phase::kDownloading;
  progress.subject =
      absl::StrCat(key.repo.ToString(), " at ", key.commit.substr(0, 12));
  if (key.route != kArchiveRoute) {
    return FetchByGit(context, context.parts.ObjectsAt(source),
                      context.GitSourceAt(source), key, progress, sink, flight);
  }
  absl::Status fetched = FetchArchive(context, source, progress, sink, flight);
  if (source.is_mirror || context.environment == nullptr ||
      !MayHideArchive(fetched)) {
    return fetched;
  }
  return FetchPrivateArchive(context, key, progress, fetched, sink, flight);
}

}  // namespace hubd
