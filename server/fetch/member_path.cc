#include "server/fetch/member_path.h"

#include <algorithm>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/base/status.h"

namespace hubd {
namespace {

constexpr size_t kMaxPart = 255;
constexpr size_t kMaxName = 4096;
constexpr size_t kMaxShown = 200;

}  // namespace

std::string ShownName(absl::string_view name) {
  const bool cut = name.size() > kMaxShown;
  return absl::StrCat("\"", absl::CHexEscape(name.substr(0, kMaxShown)),
                      cut ? "...\"" : "\"");
}

absl::Status BadMember(absl::string_view name, absl::string_view why) {
  return ReasonError(Reason::kBadArchive,
                     absl::StrCat("bad member ", ShownName(name), ": ", why));
}

absl::StatusOr<std::string> CheckedMemberPath(absl::string_view name) {
  if (name.empty()) return BadMember(name, "its name is empty");
  if (name.size() > kMaxName) {
    return BadMember(name, "its name is longer than 4096 bytes");
  }
  if (name.find('\0') != absl::string_view::npos) {
    return BadMember(name, "its name has a NUL");
  }
  if (name.front() == '/') return BadMember(name, "its name is absolute");
  absl::string_view path = name;
  if (path.back() == '/') path.remove_suffix(1);
  for (const absl::string_view part : absl::StrSplit(path, '/')) {
    if (part.empty()) return BadMember(name, "a part of its name is empty");
    if (part == "." || part == "..") {
      return BadMember(name, absl::StrCat("its name has a \"", part, "\""));
    }
    if (part.size() > kMaxPart) {
      return BadMember(name, "a part of its name is longer than 255 bytes");
    }
  }
  return std::string(path);
}

bool IsGitMember(absl::string_view path) {
  const std::vector<absl::string_view> parts = absl::StrSplit(path, '/');
  return std::any_of(parts.begin(), parts.end(), [](absl::string_view part) {
    return absl::EqualsIgnoreCase(part, ".git");
  });
}

absl::string_view FolderOf(absl::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == absl::string_view::npos ? absl::string_view()
                                          : path.substr(0, slash);
}

absl::string_view LastPart(absl::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == absl::string_view::npos ? path : path.substr(slash + 1);
}

LinkTarget JudgeLink(absl::string_view path, absl::string_view target) {
  if (absl::StartsWith(target, "/")) return LinkTarget::kOutside;
  // The folder that holds the link has no link above it, so its parts and the
  // leading ".." mean what they say.
  int64_t depth = std::count(path.begin(), path.end(), '/');
  bool named = false;
  bool detour = false;
  for (const absl::string_view part : absl::StrSplit(target, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      detour = detour || named;
      if (--depth < 0) return LinkTarget::kOutside;
    } else {
      named = true;
      ++depth;
    }
  }
  return detour ? LinkTarget::kDetour : LinkTarget::kInside;
}

}  // namespace hubd
