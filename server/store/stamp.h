// What stat shows of a file, to see later whether somebody has changed it.

#ifndef HUBD_SERVER_STORE_STAMP_H_
#define HUBD_SERVER_STORE_STAMP_H_

#include <sys/stat.h>

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"

namespace hubd {

// Inode, size, and when content and anything were changed last: times can be
// set back, but for the last. Not the device, whose number a new start of the
// machine may change.
inline std::string StampOf(const struct stat& info) {
  const auto time = [](const timespec& at) {
    return absl::StrCat(int64_t{at.tv_sec}, ".", int64_t{at.tv_nsec});
  };
  return absl::StrCat(uint64_t{info.st_ino}, " ", int64_t{info.st_size}, " ",
                      time(info.st_mtim), " ", time(info.st_ctim));
}

}  // namespace hubd

#endif  // HUBD_SERVER_STORE_STAMP_H_
