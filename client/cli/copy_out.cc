#include "client/cli/copy_out.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "server/base/unique_fd.h"

namespace hubd {
namespace {

// Between two looks at the limit.
constexpr int64_t kChunk = 16 << 20;

std::string DirectoryOf(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path();
  return parent.empty() ? "." : parent;
}

// A pid would not do: containers that share a disk have the same ones.
std::string RandomName() {
  absl::BitGen random;
  return absl::StrCat(absl::Hex(absl::Uniform<uint64_t>(random)), ".tmp");
}

// A file that is removed when this goes, unless it was renamed.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& target)
      : path_(absl::StrCat(DirectoryOf(target), "/.hubctl.", RandomName())),
        fd_(::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
                   0666)) {}
  ~TemporaryFile() {
    if (fd_.valid()) ::unlink(path_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  int fd() const { return fd_.get(); }
  const std::string& path() const { return path_; }

  absl::Status RenameTo(const std::string& target) {
    HUBD_RETURN_IF_ERROR(RenameDurably(path_, target));
    fd_.reset();
    return absl::OkStatus();
  }

 private:
  const std::string path_;
  UniqueFd fd_;
};

// Reads and writes, where the kernel cannot copy between the two file systems.
absl::Status CopyByHand(int source, int target, int64_t offset, int64_t size) {
  std::vector<char> buffer(1 << 20);
  while (size > 0) {
    const ssize_t count = ::pread(
        source, buffer.data(),
        std::min<int64_t>(size, static_cast<int64_t>(buffer.size())), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoError(errno, "cannot read the cache");
    if (count == 0) return absl::DataLossError("the cached file is cut short");
    HUBD_RETURN_IF_ERROR(WriteAll(target, {buffer.data(), size_t(count)}));
    offset += count;
    size -= count;
  }
  return absl::OkStatus();
}

absl::Status CopyBytes(int source, int target, int64_t size,
                       const CallLimit& limit) {
  bool by_kernel = true;
  int64_t offset = 0;
  while (offset < size) {
    HUBD_RETURN_IF_ERROR(limit.Check());
    const int64_t chunk = std::min(kChunk, size - offset);
    ssize_t count = 0;
    if (by_kernel) {
      off64_t from = offset;
      count = ::copy_file_range(source, &from, target, nullptr, chunk, 0);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && errno == ENOSPC) return ErrnoError(errno, "cannot copy");
      // Not between these two, or not at all: the other way tells.
      by_kernel = count > 0;
    }
    if (!by_kernel) {
      HUBD_RETURN_IF_ERROR(CopyByHand(source, target, offset, chunk));
      count = chunk;
    }
    offset += count;
  }
  return absl::OkStatus();
}

absl::Status CopyContent(int source, int target, const CallLimit& limit) {
  struct stat info;
  if (::fstat(source, &info) != 0) {
    return ErrnoError(errno, "cannot look at the cached file");
  }
  if (::ioctl(target, FICLONE, source) != 0) {
    HUBD_RETURN_IF_ERROR(CopyBytes(source, target, info.st_size, limit));
  }
  if (::fsync(target) != 0) return ErrnoError(errno, "cannot write to disk");
  return limit.Check();
}

}  // namespace

absl::Status CheckTarget(const std::string& path) {
  const std::string directory = DirectoryOf(path);
  struct stat info;
  const bool there = ::stat(path.c_str(), &info) == 0;
  const bool slash = !path.empty() && path.back() == '/';
  if (path.empty() || slash || (there && !S_ISREG(info.st_mode))) {
    return absl::InvalidArgumentError(
        absl::StrCat("--to ", path, ": this is no plain file"));
  }
  if (::access(directory.c_str(), W_OK | X_OK) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("--to ", path, ": cannot write in ", directory, ": ",
                     std::strerror(errno)));
  }
  return absl::OkStatus();
}

absl::Status CopyOut(int source, const std::string& path,
                     const CallLimit& limit) {
  TemporaryFile temporary(path);
  if (temporary.fd() < 0) {
    return ErrnoError(errno, absl::StrCat("cannot make ", temporary.path()));
  }
  if (absl::Status status = CopyContent(source, temporary.fd(), limit);
      !status.ok()) {
    return Annotate(status, absl::StrCat("cannot write ", path));
  }
  return temporary.RenameTo(path);
}

}  // namespace hubd
