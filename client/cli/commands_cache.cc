#include "client/cli/commands_cache.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "client/cli/human.h"
#include "client/cli/json.h"
#include "client/cli/table.h"
#include "server/base/status.h"
#include "server/base/text.h"

namespace hubd {
namespace {

constexpr size_t kShownHash = 12;

std::string AgeOf(int64_t created_at) {
  return HumanAge(absl::Now() - absl::FromUnixSeconds(created_at));
}

std::string TreeTable(const std::vector<v1::Tree>& trees, int width) {
  Table table({"REPO", "COMMIT", "SIZE", "MADE"});
  table.AlignRight({2});
  for (const v1::Tree& tree : trees) {
    // Of an import no commit is known.
    table.Add({tree.repo(),
               tree.route() == "import" ? absl::StrCat("import:", tree.ref())
                                        : tree.commit().substr(0, kShownHash),
               HumanSize(tree.size_bytes()), AgeOf(tree.created_at())});
  }
  return table.Format(width);
}

std::string CheckpointTable(const std::vector<v1::Checkpoint>& checkpoints,
                            int width) {
  // The URL comes last: it is the one that may be cut off.
  Table table({"SHA256", "SIZE", "FETCHED", "URL"});
  table.AlignRight({1});
  for (const v1::Checkpoint& checkpoint : checkpoints) {
    table.Add({checkpoint.sha256().substr(0, kShownHash),
               HumanSize(checkpoint.size_bytes()),
               AgeOf(checkpoint.created_at()), checkpoint.url()});
  }
  return table.Format(width);
}

std::string Count(size_t count, absl::string_view noun) {
  return absl::StrCat(count, " ", noun, count == 1 ? "" : "s");
}

std::string TotalLine(const std::vector<v1::Tree>& trees,
                      const std::vector<v1::Checkpoint>& checkpoints) {
  int64_t bytes = 0;
  for (const v1::Tree& tree : trees) bytes += tree.size_bytes();
  for (const v1::Checkpoint& one : checkpoints) bytes += one.size_bytes();
  return absl::StrCat(Count(trees.size(), "tree"), ", ",
                      Count(checkpoints.size(), "checkpoint"), ", ",
                      HumanSize(bytes), "\n");
}

// "tree github.com/o/r at 1a2b…: its digest is …, not … (/path)"
std::string WhatIsDamaged(const v1::Damage& damage) {
  return absl::StrCat(damage.kind(), " ", CleanLine(damage.name()), ": ",
                      CleanLine(damage.problem()), " (",
                      CleanLine(damage.path()), ")");
}

std::string DamageLine(const v1::Damage& damage) {
  return absl::StrCat("damaged: ", WhatIsDamaged(damage),
                      damage.removed()
                          ? "; removed: the next call fetches it anew"
                          : "; it is left as it is",
                      "\n");
}

std::string RepairLine(const v1::Damage& damage) {
  if (damage.repaired()) {
    return absl::StrCat("repaired: ", WhatIsDamaged(damage), "\n");
  }
  return absl::StrCat("damaged: ", WhatIsDamaged(damage),
                      damage.removed() ? "; removed" : "",
                      "; not repaired: ", CleanLine(damage.unrepaired()), "\n");
}

std::string ReadLine(const v1::VerifyResult& result) {
  const std::string unchanged =
      result.unchanged() > 0
          ? absl::StrCat(", ", result.unchanged(), " unchanged")
          : "";
  return absl::StrCat(Count(result.trees(), "tree"), ", ",
                      Count(result.blobs(), "blob"), ", ",
                      HumanSize(result.bytes()), " read", unchanged, ": ");
}

std::string SummaryLine(const v1::VerifyResult& result) {
  return absl::StrCat(ReadLine(result),
                      result.damages().empty()
                          ? "nothing is damaged"
                          : absl::StrCat(result.damages_size(), " damaged"),
                      result.complete() ? "" : "; run it again for the rest",
                      "\n");
}

int RepairedOf(const v1::VerifyResult& result) {
  return static_cast<int>(std::count_if(
      result.damages().begin(), result.damages().end(),
      [](const v1::Damage& damage) { return damage.repaired(); }));
}

std::string RepairSummaryLine(const v1::VerifyResult& result) {
  const int repaired = RepairedOf(result);
  const auto gone = std::count_if(
      result.damages().begin(), result.damages().end(),
      [](const v1::Damage& one) { return one.removed() && !one.repaired(); });
  const auto left = result.damages_size() - repaired - gone;
  std::vector<std::string> found;
  if (repaired > 0) found.push_back(absl::StrCat(repaired, " repaired"));
  if (gone > 0) {
    found.push_back(absl::StrCat(gone, " removed and not fetched again"));
  }
  if (left > 0) found.push_back(absl::StrCat(left, " left damaged"));
  if (found.empty()) found.emplace_back("nothing is damaged");
  return absl::StrCat(ReadLine(result), absl::StrJoin(found, ", "),
                      result.complete() ? "" : "; run it again for the rest",
                      "\n");
}

VerifyOptions OptionsFrom(const Arguments& arguments) {
  return {.repo = arguments.repo, .quick = arguments.quick};
}

// Each damage, then the rest of the result.
void PrintFound(const Session& session, v1::VerifyResult result,
                std::string (*line)(const v1::Damage&),
                std::string (*summary)(const v1::VerifyResult&)) {
  const bool json = session.arguments().json;
  for (const v1::Damage& damage : result.damages()) {
    session.Print(json ? ToJsonLine(damage) : line(damage));
  }
  if (json) {
    result.clear_damages();
    session.Print(ToJsonLine(result));
  } else if (!session.arguments().quiet) {
    session.Print(summary(result));
  }
}

std::string PrunedLine(const v1::PruneResponse& pruned) {
  std::string line =
      absl::StrCat(Count(pruned.removed(), "unfinished download"), " removed, ",
                   HumanSize(pruned.removed_bytes()));
  if (pruned.in_use() > 0) {
    absl::StrAppend(&line, "; ", pruned.in_use(), " in use, ",
                    HumanSize(pruned.in_use_bytes()), ", stay");
  }
  return absl::StrCat(line, "\n");
}

}  // namespace

absl::Status RunCachePrune(Session& session) {
  HUBD_ASSIGN_OR_RETURN(const v1::PruneResponse pruned,
                        session.client().PrunePartials(session.Call()));
  if (session.arguments().json) {
    session.Print(ToJson(pruned));
  } else if (!session.arguments().quiet) {
    session.Print(PrunedLine(pruned));
  }
  return absl::OkStatus();
}

absl::Status RunCacheLs(Session& session) {
  HUBD_ASSIGN_OR_RETURN(const std::vector<v1::Tree> trees,
                        session.client().ListTrees(session.Call()));
  HUBD_ASSIGN_OR_RETURN(const std::vector<v1::Checkpoint> checkpoints,
                        session.client().ListCheckpoints(session.Call()));
  if (session.arguments().json) {
    v1::ListTreesResponse tree_list;
    tree_list.mutable_trees()->Add(trees.begin(), trees.end());
    v1::ListCheckpointsResponse checkpoint_list;
    checkpoint_list.mutable_checkpoints()->Add(checkpoints.begin(),
                                               checkpoints.end());
    session.Print(ToJson(tree_list, checkpoint_list));
    return absl::OkStatus();
  }
  const int width = session.OutputWidth();
  if (!trees.empty()) session.Print(TreeTable(trees, width) + "\n");
  if (!checkpoints.empty()) {
    session.Print(CheckpointTable(checkpoints, width) + "\n");
  }
  session.Print(TotalLine(trees, checkpoints));
  return absl::OkStatus();
}

absl::StatusOr<bool> RunCacheVerify(Session& session) {
  HUBD_ASSIGN_OR_RETURN(const v1::VerifyResult result,
                        session.WithProgress([&](const CallOptions& call) {
                          return session.client().Verify(
                              OptionsFrom(session.arguments()), call);
                        }));
  PrintFound(session, result, DamageLine, SummaryLine);
  return result.damages().empty();
}

absl::StatusOr<bool> RunCacheRepair(Session& session) {
  HUBD_ASSIGN_OR_RETURN(const v1::VerifyResult result,
                        session.WithProgress([&](const CallOptions& call) {
                          return session.client().Repair(
                              OptionsFrom(session.arguments()), call);
                        }));
  PrintFound(session, result, RepairLine, RepairSummaryLine);
  return result.complete() && RepairedOf(result) == result.damages_size();
}

}  // namespace hubd
