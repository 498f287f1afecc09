// What git prints of a commit's submodules, put together.

#ifndef HUBD_SERVER_NET_GIT_SUBMODULES_H_
#define HUBD_SERVER_NET_GIT_SUBMODULES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace hubd {

// A folder of a commit whose files are those of another repository's commit.
struct GitSubmodule {
  std::string path;    // any bytes that git takes, but a NUL
  std::string commit;  // 40 hex digits
  // As .gitmodules has it; empty where it has none for this path.
  std::string url;

  bool operator==(const GitSubmodule&) const = default;
};

// Takes what `git ls-tree -r -z` prints of a commit, piece by piece, and keeps
// its links to other commits. Thread-compatible.
class GitlinkReader {
 public:
  // BAD_ARCHIVE where there are too many links, or one that cannot be read.
  absl::Status Read(absl::string_view bytes);

  // In the order of their paths, without URLs.
  const std::vector<GitSubmodule>& links() const { return links_; }

 private:
  absl::Status TakeEntry();

  std::string entry_;
  std::vector<GitSubmodule> links_;
};

// `links` with the URLs that a .gitmodules gives for their paths: `settings` is
// what `git config --list -z` prints of it. What it says of other paths counts
// for nothing.
std::vector<GitSubmodule> WithUrls(std::vector<GitSubmodule> links,
                                   absl::string_view settings);

}  // namespace hubd

#endif  // HUBD_SERVER_NET_GIT_SUBMODULES_H_
