#include "server/base/repo.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "server/base/status.h"
#include "server/base/text.h"

namespace hubd {
namespace {

constexpr char kHttps[] = "https://";
constexpr char kSsh[] = "ssh://";
constexpr char kFile[] = "file://";
constexpr size_t kMaxPart = 255;
constexpr size_t kMaxParts = 21;
// With "ssh://" before it a folder's name, too.
constexpr size_t kMaxAuthority = 249;
constexpr size_t kMaxShown = 200;
// The default host. Its owners and names are the same in any letter case.
constexpr char kCaselessHost[] = "github.com";

absl::Status Invalid(absl::string_view text, absl::string_view why) {
  std::string shown =
      absl::CHexEscape(WithoutUserInfo(text).substr(0, kMaxShown));
  return ReasonError(
      Reason::kInvalidRepo,
      absl::StrCat("\"", shown, "\" is not a repo: ", std::string(why),
                   "; write owner/name[:ref], host/owner/name[:ref], "
                   "git@host:path[:ref] or /path[:ref]"),
      {{"repo", shown}});
}

// What parts of a path may hold beside letters, digits, "-", "_" and ".".
constexpr char kNothing[] = "";
// "~user" is whose repositories they are on some hosts.
constexpr char kOfUser[] = "~";
constexpr char kOfFile[] = "~+,=@";

// Empty where `part` may stand as a part of a path that may hold `also`.
absl::string_view WhyNotPart(absl::string_view part, absl::string_view also) {
  if (part.empty()) return "a part of it is empty";
  if (part.size() > kMaxPart) return "a part of it has over 255 bytes";
  if (part == "." || part == "..") return "a part of it is \".\" or \"..\"";
  if (part[0] == '-') return "a part of it begins with \"-\"";
  bool plain = std::all_of(part.begin(), part.end(), [&](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.' ||
           also.find(c) != absl::string_view::npos;
  });
  if (plain) return "";
  return also == kOfFile
             ? "a path has letters, digits and \"-_.~+,=@\" only; a link by "
               "such a name will do"
             : "owner and name have letters, digits, \"-\", \"_\" and \".\" "
               "only";
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
  return WhyNotPart(name, kNothing);
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

// What a text says before any of it is judged.
struct Address {
  absl::string_view scheme = kHttps;
  std::string authority;
  std::string path;
  std::string ref;
};

// "user@host:path", and not "user@host/path".
bool IsScpLike(absl::string_view text) {
  const absl::string_view host = text.substr(0, text.find(':'));
  return host.size() < text.size() && absl::StrContains(host, '@') &&
         !absl::StrContains(host, '/') && !absl::StrContains(text, "://");
}

// Cuts `text` at the first `mark`, which goes, or keeps all of it.
std::string CutAt(char mark, std::string& text) {
  const size_t at = text.find(mark);
  if (at == std::string::npos) return "";
  std::string rest = text.substr(at + 1);
  text.resize(at);
  return rest;
}

// Of "owner/name", "host/owner/name" and "https://host/owner/name".
absl::Status SplitName(absl::string_view text, Address& address) {
  absl::string_view rest = text;
  const bool is_url = absl::ConsumePrefix(&rest, kHttps);
  if (absl::StrContains(rest, "://")) {
    return Invalid(text,
                   "of all URLs only https://, ssh:// and file:// ones are");
  }
  address.authority = std::string(rest);
  address.path = CutAt('/', address.authority);
  if (absl::StrContains(address.authority, '@')) {
    return Invalid(text, "it holds a user name or a password");
  }
  if (!absl::StrContains(rest, '/')) {
    return Invalid(text, "it has no \"/\"");
  }
  const std::string whole = address.path.substr(0, address.path.find(':'));
  if (!is_url && !absl::StrContains(whole, '/')) {
    address.authority = kCaselessHost;
    address.path = std::string(rest);
  }
  return absl::OkStatus();
}

absl::StatusOr<Address> Split(absl::string_view text) {
  Address address;
  absl::string_view rest = text;
  if (absl::ConsumePrefix(&rest, kFile) || absl::StartsWith(rest, "/")) {
    address.scheme = kFile;
    if (!absl::ConsumePrefix(&rest, "/")) {
      return Invalid(text, "a file:// URL has a whole path and no host");
    }
    address.path = std::string(rest);
  } else if (absl::ConsumePrefix(&rest, kSsh)) {
    address.scheme = kSsh;
    address.authority = std::string(rest);
    address.path = CutAt('/', address.authority);
  } else if (IsScpLike(rest)) {
    address.scheme = kSsh;
    address.authority = std::string(rest);
    address.path = CutAt(':', address.authority);
    if (address.path[0] == '/') address.path.erase(0, 1);
  } else {
    HUBD_RETURN_IF_ERROR(SplitName(text, address));
  }
  // A host's port comes before the path, a ref's colon behind it.
  address.ref = CutAt(':', address.path);
  if (absl::StrContains(text, "://")) {
    absl::string_view path = address.path;
    while (absl::ConsumeSuffix(&path, "/")) {
    }
    address.path = std::string(path);
  }
  return address;
}

// Of "user@host:port"; empty where it is one, which is then in its one form.
absl::string_view WhyNotLogin(std::string& authority) {
  std::string host = authority;
  std::string user;
  if (const size_t at = host.rfind('@'); at != std::string::npos) {
    user = host.substr(0, at);
    host = host.substr(at + 1);
    if (absl::StrContains(user, ':')) return "it holds a password";
    if (absl::string_view why = WhyNotPart(user, kNothing); !why.empty()) {
      return "its user is none";
    }
    user += '@';
  }
  absl::AsciiStrToLower(&host);
  if (absl::string_view why = WhyNotHost(host); !why.empty()) return why;
  authority = absl::StrCat(user, absl::StripSuffix(host, ":22"));
  return "";
}

// Whether a browser shows a repo's files below parts[i].
bool IsPage(absl::string_view host, const std::vector<std::string>& parts,
            size_t i) {
  if (i < 2) return false;
  const std::string& part = parts[i];
  const std::string next = i + 1 < parts.size() ? parts[i + 1] : "";
  return part == "-" || part == "tree" || part == "blob" ||
         (part == "src" && (next == "branch" || next == "tag" ||
                            next == "commit" || host == "bitbucket.org"));
}

// The name of the host in an authority in its one form, without a user.
absl::string_view HostIn(absl::string_view authority) {
  authority.remove_prefix(authority.find('@') + 1);
  return authority;
}

// Empty where the authority is one, which is then in its one form.
absl::string_view WhyNotAuthority(Address& address) {
  if (address.authority.size() > kMaxAuthority) {
    return "its host has over 249 bytes";
  }
  if (address.scheme == kFile) return "";
  if (address.scheme == kSsh) return WhyNotLogin(address.authority);
  absl::AsciiStrToLower(&address.authority);
  return WhyNotHost(address.authority);
}

// Empty where the path is one, which is then in its one form.
std::string WhyNotPath(Address& address) {
  const bool is_https = address.scheme == kHttps;
  const absl::string_view host = HostIn(address.authority);
  const bool is_caseless = host == kCaselessHost;
  // Before its end is looked at: "name.Git" is "name.git" there.
  if (is_caseless) absl::AsciiStrToLower(&address.path);
  // Elsewhere a path by SSH or on this machine is a directory's as it is.
  if ((is_https || is_caseless) && absl::EndsWith(address.path, ".git")) {
    address.path.resize(address.path.size() - 4);
    // What is left would lose its end when the repo is read again.
    if (absl::EndsWith(address.path, ".git")) {
      return "its name ends with \".git\" twice";
    }
  }
  const std::vector<std::string> parts = absl::StrSplit(address.path, '/');
  const absl::string_view also = address.scheme == kFile ? kOfFile
                                 : is_caseless           ? kNothing
                                                         : kOfUser;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (is_https && IsPage(host, parts, i)) {
      return absl::StrCat("it is the address of a page; its repo is ", host,
                          "/",
                          absl::StrJoin(parts.begin(), parts.begin() + i, "/")
                              .substr(0, kMaxShown),
                          ":REF");
    }
    if (absl::string_view why = WhyNotPart(parts[i], also); !why.empty()) {
      return std::string(why);
    }
  }
  const size_t least = is_https || is_caseless ? 2 : 1;
  const size_t most = is_caseless ? 2 : kMaxParts;
  return parts.size() < least || parts.size() > most
             ? "it has too many or few parts"
             : "";
}

}  // namespace

std::string RepoId::ToString() const {
  return absl::StrCat(host, "/", owner, owner.empty() ? "" : "/", name);
}

std::string RepoId::Url() const {
  return absl::StrCat(absl::StrContains(host, "://") ? "" : kHttps, ToString());
}

bool IsSshUrl(absl::string_view url) { return absl::StartsWith(url, kSsh); }

bool IsFileUrl(absl::string_view url) { return absl::StartsWith(url, kFile); }

absl::StatusOr<RepoSpec> ParseRepoSpec(absl::string_view text) {
  HUBD_ASSIGN_OR_RETURN(Address address, Split(text));
  if (absl::string_view why = WhyNotAuthority(address); !why.empty()) {
    return Invalid(text, why);
  }
  if (std::string why = WhyNotPath(address); !why.empty()) {
    return Invalid(text, why);
  }
  if (!address.ref.empty()) {
    if (absl::string_view why = WhyNotRef(address.ref); !why.empty()) {
      return Invalid(text, why);
    }
  }
  RepoSpec spec;
  spec.id.host = address.scheme == kHttps
                     ? address.authority
                     : absl::StrCat(address.scheme, address.authority);
  const size_t slash = address.path.rfind('/');
  if (slash != std::string::npos) {
    spec.id.owner = address.path.substr(0, slash);
    if (spec.id.owner.size() > kMaxPart) {
      return Invalid(text, "what stands before its name has over 255 bytes");
    }
  }
  spec.id.name = address.path.substr(slash + 1);
  spec.ref = std::move(address.ref);
  return spec;
}

bool IsCommit(absl::string_view ref) {
  return ref.size() == 40 && std::all_of(ref.begin(), ref.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace hubd
