#include "client/cli/commands_trust.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cli/human.h"
#include "client/cli/json.h"
#include "client/cli/table.h"
#include "server/base/status.h"

namespace hubd {

absl::Status RunTrustLs(Session& session) {
  HUBD_ASSIGN_OR_RETURN(const std::vector<v1::TrustEntry> entries,
                        session.client().ListTrust("", session.Call()));
  if (session.arguments().json) {
    v1::ListTrustResponse all;
    all.mutable_entries()->Add(entries.begin(), entries.end());
    session.Print(ToJson(all));
    return absl::OkStatus();
  }
  if (entries.empty()) {
    session.Note("You trust no repo.");
    return absl::OkStatus();
  }
  Table table({"REPO", "SINCE", "FOR"});
  for (const v1::TrustEntry& entry : entries) {
    const absl::Time since = absl::FromUnixSeconds(entry.created_at());
    table.Add({entry.repo(), HumanAge(absl::Now() - since),
               entry.hub_dir().empty() ? "all" : entry.hub_dir()});
  }
  session.Print(table.Format(session.OutputWidth()));
  return absl::OkStatus();
}

absl::Status RunTrustAdd(Session& session) {
  HUBD_ASSIGN_OR_RETURN(
      const v1::AddTrustResponse answer,
      session.client().AddTrust(session.arguments().repo, "", session.Call()));
  if (session.arguments().json) session.Print(ToJson(answer));
  session.Note(
      absl::StrCat(answer.entry().repo(),
                   answer.added() ? " is now trusted" : " was trusted before"));
  return absl::OkStatus();
}

absl::Status RunTrustRm(Session& session) {
  const std::string& repo = session.arguments().repo;
  HUBD_ASSIGN_OR_RETURN(const v1::RemoveTrustResponse answer,
                        session.client().RemoveTrust(
                            repo, "", /*everywhere=*/true, session.Call()));
  if (session.arguments().json) session.Print(ToJson(answer));
  session.Note(absl::StrCat(repo, answer.removed() > 0 ? " is no longer trusted"
                                                       : " was not trusted"));
  return absl::OkStatus();
}

absl::StatusOr<bool> RunTrustCheck(Session& session) {
  HUBD_ASSIGN_OR_RETURN(const v1::CheckTrustResponse answer,
                        session.client().CheckTrust(session.arguments().repo,
                                                    "", session.Call()));
  if (session.arguments().json) session.Print(ToJson(answer));
  session.Note(absl::StrCat(
      answer.repo(), answer.trusted() ? " is trusted" : " is not trusted"));
  return answer.trusted();
}

}  // namespace hubd
