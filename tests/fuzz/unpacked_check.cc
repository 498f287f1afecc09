#include "tests/fuzz/unpacked_check.h"

#include <sys/stat.h>

#include <filesystem>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "server/base/status.h"
#include "tests/fuzz/clean_text.h"

namespace hubd {
namespace {

namespace fs = std::filesystem;

struct Found {
  int64_t entry_count = 0;
  int64_t size_bytes = 0;
  bool unfinished = false;
};

bool IsBelow(const fs::path& path, const fs::path& dir) {
  return path == dir || absl::StartsWith(path.string(), dir.string() + "/");
}

// Goes the way of the link step by step, as far as there is something: what
// cannot be resolved leads nowhere.
bool StaysInside(const fs::path& link, const fs::path& dir) {
  fs::path at = link.parent_path();
  for (const fs::path& step : fs::read_symlink(link)) {
    at /= step;
    std::error_code error;
    const fs::path real = fs::canonical(at, error);
    if (error) return true;
    if (!IsBelow(real, dir)) return false;
  }
  return true;
}

Found Walk(const std::string& dir) {
  Found found;
  for (const auto& entry : fs::recursive_directory_iterator(dir)) {
    struct stat info;
    HUBD_CHECK(::lstat(entry.path().c_str(), &info) == 0);
    const mode_t mode = info.st_mode & 07777;
    ++found.entry_count;
    if (S_ISREG(info.st_mode)) {
      // 0600: not finished.
      HUBD_CHECK(mode == 0644 || mode == 0755 || mode == 0600);
      found.unfinished = found.unfinished || mode == 0600;
      HUBD_CHECK(info.st_nlink == 1);
      found.size_bytes += info.st_size;
    } else if (S_ISDIR(info.st_mode)) {
      HUBD_CHECK(mode == 0755);
    } else {
      HUBD_CHECK(S_ISLNK(info.st_mode));
      HUBD_CHECK(!fs::read_symlink(entry.path()).is_absolute());
    }
    const std::string name = entry.path().filename().string();
    HUBD_CHECK(!absl::EqualsIgnoreCase(name, ".git"));
  }
  return found;
}

void CheckLinks(const std::string& dir) {
  const fs::path real = fs::canonical(dir);
  for (const auto& entry : fs::recursive_directory_iterator(dir)) {
    if (entry.is_symlink()) HUBD_CHECK(StaysInside(entry.path(), real));
  }
}

}  // namespace

UnpackedCheck::UnpackedCheck() : dir_(parent_.Below("out")) {
  HUBD_CHECK(::mkdir(dir_.c_str(), 0755) == 0);
}

void UnpackedCheck::CheckDisk() const {
  const Found found = Walk(dir_);
  // The folder that is one too many is made, then counted.
  HUBD_CHECK(found.entry_count <= kFuzzLimits.max_entries + 1);
  HUBD_CHECK(found.size_bytes <= kFuzzLimits.max_bytes);
  int beside = 0;
  for (const auto& entry : fs::directory_iterator(parent_.path())) {
    beside += entry.path() == dir_ && !entry.is_symlink() ? 0 : 1;
  }
  HUBD_CHECK(beside == 0);
}

void UnpackedCheck::CheckUnpacked(int64_t entry_count,
                                  int64_t size_bytes) const {
  CheckDisk();
  CheckLinks(dir_);
  const Found found = Walk(dir_);
  HUBD_CHECK(!found.unfinished);
  HUBD_CHECK(found.entry_count == entry_count);
  HUBD_CHECK(found.size_bytes == size_bytes);
}

void UnpackedCheck::CheckUnpackedZip(const std::vector<std::string>& members,
                                     int64_t size_bytes) const {
  CheckDisk();
  CheckLinks(dir_);
  const Found found = Walk(dir_);
  HUBD_CHECK(!found.unfinished);
  HUBD_CHECK(found.size_bytes == size_bytes);
  for (const std::string& member : members) {
    const fs::path path =
        fs::path(dir_) / std::string(absl::StripSuffix(member, "/"));
    const fs::file_status status = fs::symlink_status(path);
    HUBD_CHECK(fs::exists(status));
    HUBD_CHECK(absl::EndsWith(member, "/") == fs::is_directory(status));
  }
}

void UnpackedCheck::CheckRefused(const absl::Status& status) const {
  CheckDisk();
  HUBD_CHECK(ReasonOf(status) == Reason::kBadArchive);
  HUBD_CHECK(IsCleanError(status));
}

}  // namespace hubd
