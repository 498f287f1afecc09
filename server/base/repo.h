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
  std::string host;  // lower case, "github.com"; may hold ":port"
  // As typed, the name without ".git"; in lower case on github.com, which
  // knows no case.
  std::string owner;
  std::string name;

  // "host/owner/name".
  std::string ToString() const;
  // "https://host/owner/name".
  std::string Url() const;

  auto operator<=>(const RepoId&) const = default;
};

// What a user typed: a repo and perhaps a ref.
struct RepoSpec {
  RepoId id;
  // Empty: the default ref.
  std::string ref;
};

// Parses "owner/name[:ref]", "host/owner/name[:ref]" and
// "https://host/owner/name[.git][:ref]". INVALID_REPO names what is wrong with
// it: parts that are empty, "." or "..", over 255 bytes, begin with "-", or
// hold a character that a name on GitHub cannot have; a name that ends with
// ".git" twice; a ref that git would refuse. What it takes is the same repo
// when its ToString() is parsed.
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
