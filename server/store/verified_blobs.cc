#include "server/store/verified_blobs.h"

namespace hubd {
namespace {

bool SameTime(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

// Times can be set back, but for that of the last change of anything.
bool Same(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino &&
         a.st_size == b.st_size && SameTime(a.st_mtim, b.st_mtim) &&
         SameTime(a.st_ctim, b.st_ctim);
}

}  // namespace

void VerifiedBlobs::Note(const std::string& path, const struct stat& info) {
  MutexLock lock(mutex_);
  noted_[path] = info;
}

bool VerifiedBlobs::Has(const std::string& path,
                        const struct stat& info) const {
  MutexLock lock(mutex_);
  auto noted = noted_.find(path);
  return noted != noted_.end() && Same(noted->second, info);
}

}  // namespace hubd
