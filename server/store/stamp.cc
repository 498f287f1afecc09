#include "server/store/stamp.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"

namespace hubd {

std::string StampOf(const struct stat& info) {
  const auto time = [](const timespec& at) {
    return absl::StrCat(int64_t{at.tv_sec}, ".", int64_t{at.tv_nsec});
  };
  return absl::StrCat(uint64_t{info.st_ino}, " ", int64_t{info.st_size}, " ",
                      time(info.st_mtim), " ", time(info.st_ctim));
}

std::string StampName(const CheckpointObject& checkpoint) {
  return absl::StrCat("blob ", checkpoint.sha256);
}

std::string StampName(const TreeObject& tree) {
  const TreeKey& key = tree.key;
  return absl::StrJoin(
      {absl::string_view("tree"), absl::string_view(key.domain),
       absl::string_view(key.repo.host), absl::string_view(key.repo.owner),
       absl::string_view(key.repo.name), absl::string_view(key.commit),
       absl::string_view(key.route)},
      " ");
}

}  // namespace hubd
