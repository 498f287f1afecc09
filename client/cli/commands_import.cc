#include "client/cli/commands_import.h"

#include <filesystem>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "client/cli/human.h"
#include "client/cli/json.h"
#include "client/cli/table.h"
#include "server/base/status.h"
#include "server/base/text.h"

namespace hubd {
namespace {

// As a hub's front-end names its get_dir(): absolute, links as they are.
absl::StatusOr<std::string> AbsolutePath(const std::string& typed) {
  std::error_code error;
  std::filesystem::path path = std::filesystem::absolute(typed, error);
  if (error || typed.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", CleanLine(typed), "\" is no directory"));
  }
  std::string normal = path.lexically_normal();
  while (normal.size() > 1 && normal.back() == '/') normal.pop_back();
  return normal;
}

std::string TakenTable(const v1::ImportResult& result, int width) {
  Table table({"WHAT", "SIZE", "HOW", "NAME"});
  table.AlignRight({1});
  bool any = false;
  for (const v1::ImportEntry& entry : result.entries()) {
    if (entry.how().empty()) continue;
    any = true;
    table.Add({entry.kind(),
               entry.kind() == "trust" ? "" : HumanSize(entry.size_bytes()),
               entry.how(), entry.name()});
  }
  return any ? table.Format(width) + "\n" : "";
}

std::string SummaryLine(const v1::ImportResult& result) {
  return absl::StrCat(
      "trees: ", result.trees(), ", checkpoints: ", result.checkpoints(), ", ",
      HumanSize(result.size_bytes()), ", trusted repos: ", result.trusted(),
      ", skipped: ", result.skipped(), "\n");
}

}  // namespace

absl::StatusOr<bool> RunImport(Session& session) {
  HUBD_ASSIGN_OR_RETURN(const std::string directory,
                        AbsolutePath(session.arguments().directory));
  HUBD_ASSIGN_OR_RETURN(const v1::ImportResult result,
                        session.WithProgress([&](const CallOptions& call) {
                          return session.client().Import(
                              directory, session.arguments().repos, call);
                        }));
  const bool none =
      result.trees() + result.checkpoints() + result.trusted() == 0;
  if (session.arguments().json) {
    session.Print(ToJson(result));
    return !none || result.skipped() == 0;
  }
  session.Print(TakenTable(result, session.OutputWidth()));
  for (const v1::ImportEntry& entry : result.entries()) {
    if (!entry.how().empty()) continue;
    session.Print(absl::StrCat("skipped ", CleanLine(entry.path()), ": ",
                               CleanLine(entry.problem()), "\n"));
  }
  session.Print(SummaryLine(result));
  if (!result.complete()) session.Note("There are more than are shown.");
  return !none || result.skipped() == 0;
}

}  // namespace hubd
