// What git prints of a hostile commit and its .gitmodules, and the URLs in it.
//
// The input is what `git ls-tree -z` prints, then a line "=", then what `git
// config --list -z` prints; "%" stands for a NUL.

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "server/base/repo.h"
#include "server/base/status.h"
#include "server/fetch/submodule_repo.h"
#include "server/net/git_submodules.h"
#include "tests/fuzz/clean_text.h"

namespace hubd {
namespace {

void CheckUrl(const std::string& url) {
  const auto repo = RepoOfSubmodule({"git.example.org", "o", "r"}, url);
  if (!repo.ok()) {
    HUBD_CHECK(ReasonOf(repo.status()) == Reason::kInvalidRepo);
    HUBD_CHECK(IsCleanError(repo.status()));
    return;
  }
  HUBD_CHECK(absl::StartsWith(url, "https://") || absl::StartsWith(url, "."));
  const auto again = ParseRepoSpec(repo->ToString());
  HUBD_CHECK(again.ok() && again->id == *repo);
}

void Check(std::string text) {
  std::replace(text.begin(), text.end(), '%', '\0');
  const absl::string_view input = text;
  const size_t line = input.find("\n=\n");
  GitlinkReader reader;
  const absl::Status read = reader.Read(input.substr(0, line));
  if (!read.ok()) HUBD_CHECK(ReasonOf(read) == Reason::kBadArchive);
  for (const GitSubmodule& link : reader.links()) {
    HUBD_CHECK(IsCommit(link.commit));
    HUBD_CHECK(link.path.find('\0') == std::string::npos);
  }
  if (line == absl::string_view::npos) return;
  const auto links = WithUrls(reader.links(), input.substr(line + 3));
  HUBD_CHECK(links.size() == reader.links().size());
  for (const GitSubmodule& link : links) CheckUrl(link.url);
}

}  // namespace
}  // namespace hubd

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  hubd::Check({reinterpret_cast<const char*>(data), size});
  return 0;
}
