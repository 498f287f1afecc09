// Repos as users type them: what is taken means one repo and one URL, and can
// be written down and read again.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/base/repo.h"
#include "server/base/status.h"
#include "server/net/ssh_command.h"
#include "server/net/url_policy.h"
#include "server/store/layout.h"
#include "tests/fuzz/clean_text.h"

namespace hubd {
namespace {

// A part becomes a folder's name.
bool IsFileName(const std::string& part) {
  return !part.empty() && part != "." && part != ".." && part[0] != '-' &&
         part.size() <= 255 && part.find('/') == std::string::npos;
}

// Nothing of it is an option or more than a word to ssh or to a shell.
void CheckSsh(const RepoId& id) {
  const absl::StatusOr<SshAddress> address = ParseSshUrl(id.Url());
  HUBD_CHECK(address.ok());
  for (const std::string& word :
       {address->user, address->host, address->path}) {
    HUBD_CHECK(!absl::StartsWith(word, "-"));
    HUBD_CHECK(word.find_first_of(" \t\n'\"\\$`%") == std::string::npos);
  }
  HUBD_CHECK(!address->host.empty() && !address->path.empty());
  HUBD_CHECK(address->port >= 0 && address->port <= 65535);
}

void Check(absl::string_view text) {
  const absl::StatusOr<RepoSpec> spec = ParseRepoSpec(text);
  if (!spec.ok()) {
    HUBD_CHECK(ReasonOf(spec.status()) == Reason::kInvalidRepo);
    HUBD_CHECK(IsCleanError(spec.status()));
    return;
  }
  const RepoId& id = spec->id;
  const std::string path = Layout("/r").Tree({"d", id, "c", "git"});
  const std::vector<std::string> folders = absl::StrSplit(path, '/');
  HUBD_CHECK(folders.size() == 8);
  for (int i : {4, 5, 6}) HUBD_CHECK(IsFileName(folders[i]));
  HUBD_CHECK(IsCleanLine(id.ToString()) && IsCleanLine(spec->ref));
  HUBD_CHECK(!absl::StrContains(spec->ref, ".."));
  const auto again = ParseRepoSpec(
      absl::StrCat(id.ToString(), spec->ref.empty() ? "" : ":", spec->ref));
  HUBD_CHECK(again.ok() && again->id == id && again->ref == spec->ref);
  if (IsFileUrl(id.Url())) {
    HUBD_CHECK(id.host == "file://");
    return;
  }
  if (IsSshUrl(id.Url())) {
    CheckSsh(id);
    return;
  }
  const absl::StatusOr<Url> url = ParseUrl(id.Url());
  HUBD_CHECK(url.ok() && url->scheme == "https");
  HUBD_CHECK(url->host == id.host.substr(0, id.host.find(':')));
  HUBD_CHECK(url->path == absl::StrCat("/", id.owner, "/", id.name));
}

}  // namespace
}  // namespace hubd

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  hubd::Check({reinterpret_cast<const char*>(data), size});
  return 0;
}
