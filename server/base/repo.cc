#include "server/base/repo.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/base/status.h"
#include "server/base/text.h"

namespace hubd {
namespace {

constexpr size_t kMaxPart = 255;
constexpr size_t kMaxShown = 200;
// The default host. Its owners and names are the same in any letter case.
constexpr char kCaselessHost[] = "github.com";

absl::Status Invalid(absl::string_view text, absl::string_view why) {
  std::string shown =
      absl::CHexEscape(WithoutUserInfo(text).substr(0, kMaxShown));
  return ReasonError(
      Reason::kInvalidRepo,
      absl::StrCat("\"", shown, "\" is not a repo: ", std::string(why),
                   "; write owner/name[:ref] or host/owner/name[:ref]"),
      {{"repo", shown}});
}

// Empty where `part` may stand as an owner or a name.
absl::string_view WhyNotPart(absl::string_view part) {
  if (part.empty()) return "a part of it is empty";
  if (part.size() > kMaxPart) return "a part of it has over 255 bytes";
  if (part == "." || part == "..") return "a part of it is \".\" or \"..\"";
  if (part[0] == '-') return "a part of it begins with \"-\"";
  bool plain = std::all_of(part.begin(), part.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.';
  });
  if (!plain) {
    return "owner and name have letters, digits, \"-\", \"_\" and \".\" only";
  }
  return "";
}

absl::string_view WhyNotHost(absl::string_view host) {
  absl::string_view name = host.substr(0, host.find(':'));
  if (name.size() != host.size()) {
    int port = 0;
    absl::string_view digits = host.substr(name.size() + 1);
    // SimpleAtoi alone takes blanks, signs and leading zeros, and each way to
    // write a port would be a repo of its own.
    if (!absl::SimpleAtoi(digits, &port) || port < 1 || port > 65535 ||
        digits != absl::StrCat(port)) {
      return "the host's port is not a number from 1 to 65535";
    }
  }
  if (absl::StrContains(std::string(name), '_')) {
    return "a host has no \"_\"";
  }
  return WhyNotPart(name);
}

// The rules of `git check-ref-format`, as far as they matter for a look-up.
absl::string_view WhyNotRef(absl::string_view ref) {
  if (ref.size() > kMaxPart) return "the ref has over 255 bytes";
  if (ref[0] == '-') return "the ref begins with \"-\"";
  for (unsigned char c : ref) {
    if (c <= ' ' || c >= 127 ||
        absl::string_view("~^:?*[\\").find(c) != absl::string_view::npos) {
      return "the ref has a character that git does not allow";
    }
  }
  if (absl::StrContains(std::string(ref), "..") ||
      absl::StrContains(std::string(ref), "@{") ||
      absl::StrContains(std::string(ref), "//") || ref.front() == '/' ||
      ref.back() == '/' || ref.back() == '.') {
    return "the ref is not one that git allows";
  }
  return "";
}

}  // namespace

std::string RepoId::ToString() const {
  return absl::StrCat(host, "/", owner, "/", name);
}

std::string RepoId::Url() const {
  return absl::StrCat("https://", host, "/", owner, "/", name);
}

absl::StatusOr<RepoSpec> ParseRepoSpec(absl::string_view text) {
  std::string path(text);
  bool is_url = absl::StartsWith(path, "https://");
  if (is_url) path = path.substr(8);
  if (absl::StrContains(path, "://")) {
    return Invalid(text, "of all URLs only https:// ones are");
  }
  if (absl::StrContains(path.substr(0, path.find('/')), "@")) {
    return Invalid(text, "it holds a user name or a password");
  }
  RepoSpec spec;
  // A ref follows the colon behind the name; a host's port comes before it.
  size_t slash = path.rfind('/');
  size_t first_slash = path.find('/');
  size_t colon =
      path.find(':', first_slash == std::string::npos ? 0 : first_slash);
  if (colon != std::string::npos) {
    spec.ref = path.substr(colon + 1);
    path.resize(colon);
    slash = path.rfind('/');
  }
  if (slash == std::string::npos) return Invalid(text, "it has no \"/\"");
  std::vector<std::string> parts = absl::StrSplit(path, '/');
  if (parts.size() == 2 && !is_url) parts.insert(parts.begin(), kCaselessHost);
  if (parts.size() != 3) return Invalid(text, "it has too many or few parts");
  absl::AsciiStrToLower(&parts[0]);
  // Before its end is looked at: "name.Git" is "name.git" there.
  if (parts[0] == kCaselessHost) {
    for (std::string& part : parts) absl::AsciiStrToLower(&part);
  }
  if (absl::string_view why = WhyNotHost(parts[0]); !why.empty()) {
    return Invalid(text, why);
  }
  if (absl::EndsWith(parts[2], ".git")) parts[2].resize(parts[2].size() - 4);
  // What is left would lose its end when the repo is read again.
  if (absl::EndsWith(parts[2], ".git")) {
    return Invalid(text, "its name ends with \".git\" twice");
  }
  for (int i : {1, 2}) {
    if (absl::string_view why = WhyNotPart(parts[i]); !why.empty()) {
      return Invalid(text, why);
    }
  }
  if (!spec.ref.empty()) {
    if (absl::string_view why = WhyNotRef(spec.ref); !why.empty()) {
      return Invalid(text, why);
    }
  }
  spec.id = {parts[0], parts[1], parts[2]};
  return spec;
}

bool IsCommit(absl::string_view ref) {
  return ref.size() == 40 && std::all_of(ref.begin(), ref.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace hubd
