// Which repo, and what of it.

#ifndef HUBD_SERVER_BASE_REPO_H_
#define HUBD_SERVER_BASE_REPO_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace hubd {

// The canonical name of a source of code. A value.
struct RepoId {
  // Over HTTPS: the host in lower case, "github.com"; may hold ":port". By SSH:
  // "ssh://host", with "user@" and ":port" where they are not the default. On
  // this machine: "file://".
  std::string host;
  // The path as typed, less the ".git" that it ends with over HTTPS and on
  // github.com; there in lower case, since it knows no case. `owner` is all but
  // the last part: "group/subgroup" on some hosts; empty only by SSH or on this
  // machine.
  std::string owner;
  std::string name;

  // "host/owner/name".
  std::string ToString() const;
  // The same as a URL: "https://host/owner/name" where it is none.
  std::string Url() const;

  auto operator<=>(const RepoId&) const = default;
};

// What a user typed: a repo and perhaps a ref.
struct RepoSpec {
  RepoId id;
  // Empty: the default ref.
  std::string ref;
};

// Whether a RepoId::Url() leads to its repo by SSH, or on this machine.
bool IsSshUrl(absl::string_view url);
bool IsFileUrl(absl::string_view url);

// Parses, each with ":ref" behind it or not,
//   owner/name                           on github.com
//   host/owner/name, https://host/owner/name[.git]
//   ssh://[user@]host[:port]/path, user@host:path   ("~/path": in user's home)
//   /path, file:///path                  on this machine
// `owner` may have parts of its own but on github.com. INVALID_REPO names what
// is wrong with it: parts that are empty, "." or "..", over 255 bytes, begin
// with "-", or hold a character that a name there cannot have; a name that ends
// with ".git" twice; a page of a host; a ref that git would refuse. What it
// takes is the same repo when its ToString() is parsed.
absl::StatusOr<RepoSpec> ParseRepoSpec(absl::string_view text);

// One ref of a remote. Tags are peeled: `commit` is never a tag object.
struct AdvertisedRef {
  std::string name;    // "refs/heads/main"
  std::string commit;  // 40 hex digits

  bool operator==(const AdvertisedRef&) const = default;
};

// All that a remote says about its refs at one moment.
struct Advertisement {
  // The branch that HEAD stands for, "refs/heads/main"; empty where the remote
  // does not say.
  std::string head;
  // Sorted by name; branches and tags only.
  std::vector<AdvertisedRef> refs;
  // The URL of the repository that answered, where the remote led there from
  // the one that was asked for; else empty.
  std::string moved_to = {};

  bool operator==(const Advertisement&) const = default;
};

// Whether `ref` is 40 lower-case hex digits.
bool IsCommit(absl::string_view ref);

}  // namespace hubd

#endif  // HUBD_SERVER_BASE_REPO_H_
