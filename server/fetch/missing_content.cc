#include "server/fetch/missing_content.h"

#include <algorithm>
#include <utility>

#include "absl/status/statusor.h"
#include "server/base/status.h"
#include "server/fetch/lfs_pointer.h"
#include "server/fetch/member_path.h"

namespace hubd {
namespace {

constexpr char kModules[] = ".gitmodules";

}  // namespace

ByteSource MissingContent::Watch(const std::string& path, ByteSource content) {
  End();
  path_ = path;
  return [this, content = std::move(content)](
             char* buffer, size_t size) -> absl::StatusOr<size_t> {
    HUBD_ASSIGN_OR_RETURN(const size_t count, content(buffer, size));
    // One byte more tells that it is longer.
    begin_.append(buffer, std::min(count, kMaxLfsPointer + 1 - begin_.size()));
    return count;
  };
}

void MissingContent::End() {
  // What lies in a ".git" is not unpacked.
  if (BeginsLfsPointer(begin_) && !IsGitMember(path_)) {
    lfs_files_.push_back({path_, ParseLfsPointer(begin_)});
  }
  if (path_ == kModules && !begin_.empty()) has_submodules_ = true;
  path_.clear();
  begin_.clear();
}

}  // namespace hubd
