#include "server/fetch/missing_content.h"

#include <algorithm>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/base/status.h"
#include "server/fetch/member_path.h"

namespace hubd {
namespace {

// As the specification of Git LFS begins a pointer.
constexpr absl::string_view kPointer =
    "version https://git-lfs.github.com/spec/v1\n";
constexpr char kModules[] = ".gitmodules";
constexpr size_t kMaxShown = 5;

}  // namespace

ByteSource MissingContent::Watch(const std::string& path, ByteSource content) {
  End();
  path_ = path;
  return [this, content = std::move(content)](
             char* buffer, size_t size) -> absl::StatusOr<size_t> {
    HUBD_ASSIGN_OR_RETURN(const size_t count, content(buffer, size));
    begin_.append(buffer, std::min(count, kPointer.size() - begin_.size()));
    return count;
  };
}

void MissingContent::End() {
  if (begin_ == kPointer) {
    ++pointer_count_;
    if (pointers_.size() < kMaxShown) pointers_.push_back(ShownName(path_));
  }
  if (path_ == kModules && !begin_.empty()) submodules_ = true;
  path_.clear();
  begin_.clear();
}

std::vector<std::string> MissingContent::Warnings() {
  End();
  std::vector<std::string> warnings;
  if (pointer_count_ > 0) {
    warnings.push_back(absl::StrCat(
        "of ", pointer_count_, pointer_count_ == 1 ? " file" : " files",
        " the tree has the pointers of Git LFS only, not the content: ",
        absl::StrJoin(pointers_, ", "),
        pointer_count_ > static_cast<int64_t>(kMaxShown) ? ", ..." : ""));
  }
  if (submodules_) {
    warnings.push_back(
        "the repo has submodules (.gitmodules); their files are not in the "
        "tree");
  }
  return warnings;
}

}  // namespace hubd
