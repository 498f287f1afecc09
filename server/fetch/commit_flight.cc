#include "server/fetch/commit_flight.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/status.h"
#include "server/net/mirrors.h"

namespace hubd {

absl::StatusOr<Fetched> FetchCommit(const FetchContext& context,
                                    const RepoId& repo,
                                    const std::string& prefix,
                                    FlightTable::Context& flight) {
  const FetchParts& parts = context.parts;
  Progress progress;
  progress.phase = Progress::Phase::kResolving;
  progress.subject = absl::StrCat(repo.ToString(), ":", prefix);
  flight.Report(progress);
  FoundCommit found;
  const absl::Status asked =
      AskInTurn(parts.mirrors.SourcesOf(repo.Url()),
                [&](const Source& source) -> absl::Status {
                  HUBD_ASSIGN_OR_RETURN(const Staging scratch,
                                        parts.store.StageDirectory());
                  HUBD_ASSIGN_OR_RETURN(found.commit,
                                        parts.ObjectsAt(source).FindCommit(
                                            context.GitSourceAt(source), prefix,
                                            scratch.path(), flight.stop()));
                  return absl::OkStatus();
                });
  if (asked.ok()) return Fetched{std::move(found)};
  if (ReasonOf(asked) == Reason::kRefNotFound) {
    return ReasonError(Reason::kRefNotFound, asked.message(),
                       {{"repo", repo.ToString()}, {"ref", prefix}});
  }
  return Annotate(asked, absl::StrCat("cannot tell whether ", prefix,
                                      " is a commit of ", repo.ToString()));
}

}  // namespace hubd
