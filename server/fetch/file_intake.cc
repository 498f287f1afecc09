#include "server/fetch/file_intake.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/digest.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "server/base/unique_fd.h"

namespace hubd {
namespace {

constexpr size_t kChunk = 1 << 20;
constexpr mode_t kWriteBits = S_IWUSR | S_IWGRP | S_IWOTH;

// Whether no process has the file open, or mapped, for writing: the kernel
// gives a read lease only then. If someone opens it while the lease is held,
// which is for a moment, the signal about that is one that does nothing.
bool NobodyWrites(int fd) {
  if (::fcntl(fd, F_SETSIG, SIGURG) != 0) return false;
  if (::fcntl(fd, F_SETLEASE, F_RDLCK) != 0) return false;
  return ::fcntl(fd, F_SETLEASE, F_UNLCK) == 0;
}

// The write bits of a file, taken away; given back when it goes, unless kept.
class SealedFile {
 public:
  static std::optional<SealedFile> Seal(int fd, const struct stat& info) {
    const mode_t mode = info.st_mode & 07777;
    const bool own = info.st_uid == ::geteuid();
    if (!own || (mode & (S_ISUID | S_ISGID)) != 0) return std::nullopt;
    if (::fchmod(fd, mode & ~kWriteBits) != 0) return std::nullopt;
    return SealedFile(fd, mode);
  }
  SealedFile(SealedFile&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), mode_(other.mode_) {}
  ~SealedFile() {
    if (fd_ >= 0) ::fchmod(fd_, mode_);
  }
  void Keep() { fd_ = -1; }

 private:
  SealedFile(int fd, mode_t mode) : fd_(fd), mode_(mode) {}

  int fd_;
  mode_t mode_;
};

// Gives the file behind `fd` a second name, in the place of the one at `path`.
bool LinkTo(int fd, const std::string& path) {
  const std::string opened = absl::StrCat("/proc/self/fd/", fd);
  return ::unlink(path.c_str()) == 0 &&
         ::linkat(AT_FDCWD, opened.c_str(), AT_FDCWD, path.c_str(),
                  AT_SYMLINK_FOLLOW) == 0;
}

class Intake {
 public:
  Intake(Store& store, int fd, const std::function<void(int64_t)>& report,
         const std::stop_token& stop, Space::Reservation room)
      : store_(store),
        fd_(fd),
        report_(report),
        stop_(stop),
        room_(std::move(room)) {}

  absl::StatusOr<TakenFile> Run(
      const std::function<absl::Status(const std::string&)>& accept) {
    if (::fstat(fd_, &before_) != 0) {
      return ErrnoError(errno, "cannot look at it");
    }
    HUBD_ASSIGN_OR_RETURN(Store::StagedFile staged, store_.StageFile());
    if (::ioctl(staged.fd.get(), FICLONE, fd_) == 0) {
      HUBD_ASSIGN_OR_RETURN(std::string sha256,
                            ReadAll(staged.fd.get(), /*copy_to=*/-1));
      return Finish(std::move(staged.staging), std::move(sha256), "reflink",
                    accept);
    }
    std::optional<SealedFile> sealed = SealedFile::Seal(fd_, before_);
    if (sealed && NobodyWrites(fd_) && LinkTo(fd_, staged.staging.path())) {
      HUBD_ASSIGN_OR_RETURN(std::string sha256, ReadAll(fd_, -1));
      HUBD_ASSIGN_OR_RETURN(
          TakenFile taken,
          Finish(std::move(staged.staging), std::move(sha256), "link", accept));
      sealed->Keep();
      return taken;
    }
    sealed.reset();
    HUBD_ASSIGN_OR_RETURN(Store::StagedFile copy, store_.StageFile());
    HUBD_ASSIGN_OR_RETURN(std::string sha256, ReadAll(fd_, copy.fd.get()));
    return Finish(std::move(copy.staging), std::move(sha256), "copy", accept);
  }

 private:
  // The digest of what is read; it is written to `copy_to`, unless that is -1.
  absl::StatusOr<std::string> ReadAll(int from, int copy_to) {
    Hasher hasher;
    const auto buffer = std::make_unique_for_overwrite<char[]>(kChunk);
    for (off_t offset = 0; !stop_.stop_requested();) {
      const ssize_t count = ::pread(from, buffer.get(), kChunk, offset);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return ErrnoError(errno, "cannot read it");
      if (count == 0) return hasher.Finish();
      const absl::string_view bytes(buffer.get(), static_cast<size_t>(count));
      hasher.Update(bytes);
      if (copy_to >= 0) {
        HUBD_RETURN_IF_ERROR(room_.Take(count));
        HUBD_RETURN_IF_ERROR(WriteAll(copy_to, bytes));
      }
      offset += count;
      report_(count);
    }
    return absl::CancelledError("stopped reading");
  }

  absl::StatusOr<TakenFile> Finish(
      Staging staging, std::string sha256, const std::string& how,
      const std::function<absl::Status(const std::string&)>& accept) {
    struct stat after;
    const bool same = ::fstat(fd_, &after) == 0 &&
                      after.st_size == before_.st_size &&
                      after.st_mtim.tv_sec == before_.st_mtim.tv_sec &&
                      after.st_mtim.tv_nsec == before_.st_mtim.tv_nsec;
    if (!same) {
      return absl::FailedPreconditionError("it changed while it was read");
    }
    HUBD_RETURN_IF_ERROR(accept(sha256));
    return TakenFile{std::move(staging), std::move(sha256), before_.st_size,
                     how};
  }

  Store& store_;
  const int fd_;
  const std::function<void(int64_t)>& report_;
  const std::stop_token& stop_;
  Space::Reservation room_;
  struct stat before_ = {};
};

}  // namespace

absl::StatusOr<TakenFile> TakeFile(
    Store& store, int fd,
    const std::function<absl::Status(const std::string& sha256)>& accept,
    const std::function<void(int64_t bytes)>& report,
    const std::stop_token& stop, Space::Reservation room) {
  return Intake(store, fd, report, stop, std::move(room)).Run(accept);
}

}  // namespace hubd
