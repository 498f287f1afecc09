#include "server/net/git_submodules.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "server/base/repo.h"
#include "server/base/status.h"

namespace hubd {
namespace {

constexpr size_t kMaxLinks = 10000;
// "160000 commit ID<tab>PATH", and a path of 4096 bytes.
constexpr size_t kMaxEntry = 4096 + 64;
constexpr absl::string_view kLink = "160000 commit ";

struct Module {
  std::string path;
  std::string url;
};

}  // namespace

absl::Status GitlinkReader::Read(absl::string_view bytes) {
  while (!bytes.empty()) {
    const size_t end = bytes.find('\0');
    // Longer ones cannot be in a tree that was unpacked.
    if (entry_.size() <= kMaxEntry) {
      absl::StrAppend(&entry_, bytes.substr(0, std::min(end, kMaxEntry + 1)));
    }
    if (end == absl::string_view::npos) break;
    HUBD_RETURN_IF_ERROR(TakeEntry());
    entry_.clear();
    bytes.remove_prefix(end + 1);
  }
  return absl::OkStatus();
}

absl::Status GitlinkReader::TakeEntry() {
  absl::string_view entry = entry_;
  if (entry.size() > kMaxEntry || !absl::ConsumePrefix(&entry, kLink)) {
    return absl::OkStatus();
  }
  const std::pair<std::string, std::string> parts =
      absl::StrSplit(entry, absl::MaxSplits('\t', 1));
  if (!IsCommit(parts.first)) {
    return ReasonError(Reason::kBadArchive, "a submodule's commit is none");
  }
  if (links_.size() == kMaxLinks) {
    return ReasonError(
        Reason::kBadArchive,
        absl::StrCat("the commit has over ", kMaxLinks, " submodules"));
  }
  links_.push_back({parts.second, parts.first, ""});
  return absl::OkStatus();
}

std::vector<GitSubmodule> WithUrls(std::vector<GitSubmodule> links,
                                   absl::string_view settings) {
  // Of settings that are there twice, git takes the last.
  std::map<std::string, Module> modules;
  for (absl::string_view setting : absl::StrSplit(settings, '\0')) {
    const size_t line = setting.find('\n');
    if (line == absl::string_view::npos) continue;
    absl::string_view name = setting.substr(0, line);
    const std::string value(setting.substr(line + 1));
    if (!absl::ConsumePrefix(&name, "submodule.")) continue;
    if (absl::ConsumeSuffix(&name, ".path")) {
      modules[std::string(name)].path = value;
    } else if (absl::ConsumeSuffix(&name, ".url")) {
      modules[std::string(name)].url = value;
    }
  }
  std::map<std::string, std::string> urls;
  for (const auto& [name, module] : modules) urls[module.path] = module.url;
  for (GitSubmodule& link : links) {
    if (auto found = urls.find(link.path); found != urls.end()) {
      link.url = found->second;
    }
  }
  return links;
}

}  // namespace hubd
