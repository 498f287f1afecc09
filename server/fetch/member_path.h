// The names of an archive's members, judged without a look at the disk.
//
// Pure functions: thread-safe.

#ifndef HUBD_SERVER_FETCH_MEMBER_PATH_H_
#define HUBD_SERVER_FETCH_MEMBER_PATH_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace hubd {

// A name as people and protobuf can read it: odd bytes escaped, long ones cut.
std::string ShownName(absl::string_view name);

// BAD_ARCHIVE: "bad member NAME: why".
absl::Status BadMember(absl::string_view name, absl::string_view why);

// The name as a relative path, one closing "/" removed. BAD_ARCHIVE for names
// that are empty, absolute, too long, or have a NUL or an empty, "." or ".."
// part. All other bytes are kept as they are.
absl::StatusOr<std::string> CheckedMemberPath(absl::string_view name);

// Whether a part of the path is ".git", in any case.
bool IsGitMember(absl::string_view path);

// The folder that a path lies in, empty at the top; and its last part.
absl::string_view FolderOf(absl::string_view path);
absl::string_view LastPart(absl::string_view path);

enum class LinkTarget {
  kInside,   // stays in the tree, whatever else is in it
  kDetour,   // stays in it by its words, but ".." follows a name that may be
             // a link
  kOutside,  // leaves the tree
};

// Where the symbolic link at `path` points to.
LinkTarget JudgeLink(absl::string_view path, absl::string_view target);

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_MEMBER_PATH_H_
