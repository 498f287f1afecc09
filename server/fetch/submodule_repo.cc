#include "server/fetch/submodule_repo.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "server/base/status.h"

namespace hubd {
namespace {

constexpr absl::string_view kHttps = "https://";

}  // namespace

absl::StatusOr<RepoId> RepoOfSubmodule(const RepoId& parent,
                                       const std::string& url) {
  absl::string_view rest = url;
  std::string whole;
  if (absl::StartsWith(rest, "./") || absl::StartsWith(rest, "../")) {
    whole = parent.Url();
    for (;;) {
      if (absl::ConsumePrefix(&rest, "../")) {
        whole.resize(whole.rfind('/'));
        // The host is no folder to go up from.
        if (whole.size() < kHttps.size()) break;
      } else if (!absl::ConsumePrefix(&rest, "./")) {
        break;
      }
    }
    absl::StrAppend(&whole, "/");
  }
  absl::StrAppend(&whole, rest);
  // A path on disk, or another protocol. What is meant as such must not be
  // taken for the short form of a repo.
  if (!absl::StartsWith(whole, kHttps)) {
    return ReasonError(Reason::kInvalidRepo, "its URL is not an https one");
  }
  HUBD_ASSIGN_OR_RETURN(const RepoSpec spec, ParseRepoSpec(whole));
  if (spec.ref.empty()) return spec.id;
  return ReasonError(Reason::kInvalidRepo, "its URL holds a \":\"");
}

}  // namespace hubd
