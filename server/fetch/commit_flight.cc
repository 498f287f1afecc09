#include "server/fetch/commit_flight.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/status.h"

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
  HUBD_ASSIGN_OR_RETURN(const Staging scratch, parts.store.StageDirectory());
  absl::StatusOr<std::string> commit = parts.objects.FindCommit(
      {repo.Url(), context.environment}, prefix, scratch.path(), flight.stop());
  if (commit.ok()) return Fetched{FoundCommit{*std::move(commit)}};
  if (ReasonOf(commit.status()) == Reason::kRefNotFound) {
    return ReasonError(Reason::kRefNotFound, commit.status().message(),
                       {{"repo", repo.ToString()}, {"ref", prefix}});
  }
  return Annotate(commit.status(),
                  absl::StrCat("cannot tell whether ", prefix,
                               " is a commit of ", repo.ToString()));
}

}  // namespace hubd
