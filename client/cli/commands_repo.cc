#include "client/cli/commands_repo.h"

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/human.h"
#include "client/cli/json.h"
#include "client/cli/table.h"
#include "server/base/status.h"
#include "server/base/text.h"

namespace hubd {
namespace {

constexpr size_t kShownCommit = 12;

// "github.com/hubd/sample at main (1a2b3c4d5e6f)"
std::string Describe(const v1::Tree& tree) {
  std::string text = absl::StrCat(tree.repo(), " at ", tree.ref(), " (",
                                  tree.commit().substr(0, kShownCommit), ")");
  if (tree.stale_for_seconds() > 0) {
    absl::StrAppend(&text, ", as its host said ",
                    HumanAge(absl::Seconds(tree.stale_for_seconds())));
  }
  return text;
}

// What comes with every tree, for people.
void TellAbout(const Session& session, const v1::Tree& tree) {
  session.Warn(tree.warnings());
  session.Note(Describe(tree));
}

void TellOfRun(const Session& session, bool cached) {
  session.Detail(cached ? "From the cache: no code was run."
                        : "Its hubconf.py was run in a sandbox.");
}

// What is asked for, under the lock that is to be heeded.
absl::StatusOr<RepoOptions> OptionsFrom(const Session& session) {
  RepoOptions options;
  options.repo = session.arguments().repo;
  HUBD_ASSIGN_OR_RETURN(options.lock, session.Lock());
  return options;
}

// Takes out what the hubconf.py keeps for itself, as torch.hub's list does.
void DropHelpers(v1::ListResult& result) {
  auto* entrypoints = result.mutable_entrypoints();
  entrypoints->erase(std::remove_if(entrypoints->begin(), entrypoints->end(),
                                    [](const v1::Entrypoint& entrypoint) {
                                      return absl::StartsWith(entrypoint.name(),
                                                              "_");
                                    }),
                     entrypoints->end());
}

}  // namespace

absl::Status RunList(Session& session) {
  HUBD_ASSIGN_OR_RETURN(const RepoOptions repo, OptionsFrom(session));
  HUBD_ASSIGN_OR_RETURN(v1::ListResult result,
                        session.WithProgress([&](const CallOptions& call) {
                          return session.client().List(repo, call);
                        }));
  DropHelpers(result);
  session.PrintForeign(result.tree().repo(), result.output());
  if (session.arguments().json) {
    session.Print(ToJson(result));
    return absl::OkStatus();
  }
  TellAbout(session, result.tree());
  TellOfRun(session, result.cached());
  Table table;
  for (const v1::Entrypoint& entrypoint : result.entrypoints()) {
    table.Add({entrypoint.name(), entrypoint.summary()});
  }
  session.Print(table.Format(session.OutputWidth()));
  if (result.entrypoints().empty()) session.Note("It has no entrypoints.");
  return absl::OkStatus();
}

absl::Status RunHelp(Session& session) {
  const std::string& entrypoint = session.arguments().entrypoint;
  HUBD_ASSIGN_OR_RETURN(const RepoOptions repo, OptionsFrom(session));
  HUBD_ASSIGN_OR_RETURN(const v1::HelpResult result,
                        session.WithProgress([&](const CallOptions& call) {
                          return session.client().Help(repo, entrypoint, call);
                        }));
  session.PrintForeign(result.tree().repo(), result.output());
  if (session.arguments().json) {
    session.Print(ToJson(result));
    return absl::OkStatus();
  }
  TellAbout(session, result.tree());
  TellOfRun(session, result.cached());
  session.Print(absl::StrCat(
      CleanLine(result.signature().empty() ? entrypoint : result.signature()),
      "\n"));
  if (result.has_doc()) {
    const std::string doc = CleanText(result.doc());
    session.Print(
        absl::StrCat("\n", absl::StripTrailingAsciiWhitespace(doc), "\n"));
  } else {
    session.Note("It has no documentation.");
  }
  return absl::OkStatus();
}

absl::Status RunLoad(Session& session) {
  HUBD_ASSIGN_OR_RETURN(const RepoOptions repo, OptionsFrom(session));
  HUBD_ASSIGN_OR_RETURN(const v1::LoadResult result,
                        session.WithProgress([&](const CallOptions& call) {
                          return session.client().Load(repo, {}, call);
                        }));
  const v1::Tree& tree = result.tree();
  if (session.arguments().json) {
    session.Print(ToJson(result));
    return absl::OkStatus();
  }
  session.Warn(tree.warnings());
  if (session.arguments().quiet) {
    session.Print(absl::StrCat(CleanLine(tree.path()), "\n"));
    return absl::OkStatus();
  }
  Table table;
  table.Add({"path", tree.path()});
  table.Add({"commit", tree.commit()});
  table.Add({"ref", tree.ref()});
  session.Print(table.Format(0));
  return absl::OkStatus();
}

}  // namespace hubd
