// Repos as users type them: what is taken means one repo and one URL, and can
// be written down and read again.

#include <cstdint>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/repo.h"
#include "server/base/status.h"
#include "server/net/url_policy.h"
#include "tests/fuzz/clean_text.h"

namespace hubd {
namespace {

// A part becomes a folder's name.
bool IsFileName(const std::string& part) {
  return !part.empty() && part != "." && part != ".." && part[0] != '-' &&
         part.size() <= 255 && part.find('/') == std::string::npos;
}

void Check(absl::string_view text) {
  const absl::StatusOr<RepoSpec> spec = ParseRepoSpec(text);
  if (!spec.ok()) {
    HUBD_CHECK(ReasonOf(spec.status()) == Reason::kInvalidRepo);
    HUBD_CHECK(IsCleanError(spec.status()));
    return;
  }
  const RepoId& id = spec->id;
  HUBD_CHECK(IsFileName(id.host) && IsFileName(id.owner) &&
             IsFileName(id.name));
  HUBD_CHECK(IsCleanLine(id.ToString()) && IsCleanLine(spec->ref));
  HUBD_CHECK(!absl::StrContains(spec->ref, ".."));
  const auto again = ParseRepoSpec(
      absl::StrCat(id.ToString(), spec->ref.empty() ? "" : ":", spec->ref));
  HUBD_CHECK(again.ok() && again->id == id && again->ref == spec->ref);
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
