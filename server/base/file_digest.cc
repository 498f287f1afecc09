#include "server/base/file_digest.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <thread>

#include "absl/strings/string_view.h"
#include "server/base/digest.h"
#include "server/base/mutex.h"
#include "server/base/status.h"
#include "server/base/thread.h"

namespace hubd {
namespace {

constexpr size_t kPiece = 1 << 20;
// Up to here a thread costs more than it saves.
constexpr off_t kSmallFile = 8 << 20;

// Not filled first: a tree has thousands of small files.
using Buffer = std::unique_ptr<char[]>;

Buffer NewBuffer() { return std::make_unique_for_overwrite<char[]>(kPiece); }

// No bytes: the end.
absl::StatusOr<absl::string_view> ReadPiece(int fd, off_t offset,
                                            const Buffer& buffer) {
  while (true) {
    const ssize_t count = ::pread(fd, buffer.get(), kPiece, offset);
    if (count >= 0) {
      return absl::string_view(buffer.get(), static_cast<size_t>(count));
    }
    if (errno == EIO) {
      return absl::DataLossError("the disk cannot read it: I/O error");
    }
    if (errno != EINTR) return ErrnoError(errno, "cannot read");
  }
}

// Pieces of a file in their order, of which a few are read before they are
// asked for: copying them out of the page cache takes a fifth of the time that
// hashing them does.
class ReadAhead {
 public:
  explicit ReadAhead(int fd) : fd_(fd) {
    for (Buffer& buffer : buffers_) buffer = NewBuffer();
  }
  ~ReadAhead() {
    {
      MutexLock lock(mutex_);
      abandoned_ = true;
    }
    changed_.NotifyAll();
  }

  absl::Status Start() {
    HUBD_ASSIGN_OR_RETURN(reader_, StartThread([this] { ReadAll(); }));
    return absl::OkStatus();
  }

  // Valid until the next call; no bytes: the end.
  absl::StatusOr<absl::string_view> Next() {
    MutexLock lock(mutex_);
    if (given_) {
      ++taken_;
      changed_.NotifyAll();
    }
    while (taken_ == read_) changed_.Wait(mutex_);
    given_ = true;
    return pieces_[taken_ % kBuffers];
  }

 private:
  static constexpr size_t kBuffers = 4;

  void ReadAll() {
    off_t offset = 0;
    for (size_t number = 0; WaitForRoom(); ++number) {
      const size_t place = number % kBuffers;
      absl::StatusOr<absl::string_view> piece =
          ReadPiece(fd_, offset, buffers_[place]);
      const bool ends = !piece.ok() || piece->empty();
      if (!ends) offset += static_cast<off_t>(piece->size());
      MutexLock lock(mutex_);
      pieces_[place] = std::move(piece);
      ++read_;
      changed_.NotifyAll();
      if (ends) return;
    }
  }

  // False where nobody wants any more.
  bool WaitForRoom() {
    MutexLock lock(mutex_);
    while (!abandoned_ && read_ - taken_ == kBuffers) changed_.Wait(mutex_);
    return !abandoned_;
  }

  const int fd_;
  std::array<Buffer, kBuffers> buffers_;
  Mutex mutex_;
  CondVar changed_;
  std::array<absl::StatusOr<absl::string_view>, kBuffers> pieces_
      ABSL_GUARDED_BY(mutex_);
  size_t read_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t taken_ ABSL_GUARDED_BY(mutex_) = 0;
  // The piece after the taken ones is being used.
  bool given_ ABSL_GUARDED_BY(mutex_) = false;
  bool abandoned_ ABSL_GUARDED_BY(mutex_) = false;
  // Last: it is waited for while the rest is there.
  std::jthread reader_;
};

// `next` gives the pieces.
template <class Next>
absl::StatusOr<std::string> HashAll(const Reading& how, Next next) {
  Hasher hasher;
  while (!how.stop.stop_requested()) {
    HUBD_ASSIGN_OR_RETURN(const absl::string_view piece, next());
    if (piece.empty()) return hasher.Finish();
    hasher.Update(piece);
    if (how.passed) how.passed(static_cast<int64_t>(piece.size()));
  }
  return absl::CancelledError("stopped reading");
}

}  // namespace

absl::StatusOr<std::string> Sha256OfFile(int fd, const Reading& how) {
  struct stat info;
  if (::fstat(fd, &info) == 0 && info.st_size > kSmallFile) {
    // A hint. What others have in the page cache stays there.
    ::posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    ReadAhead ahead(fd);
    if (ahead.Start().ok()) {
      return HashAll(how, [&ahead] { return ahead.Next(); });
    }
  }
  const Buffer buffer = NewBuffer();
  off_t offset = 0;
  return HashAll(how, [&]() -> absl::StatusOr<absl::string_view> {
    HUBD_ASSIGN_OR_RETURN(const absl::string_view piece,
                          ReadPiece(fd, offset, buffer));
    offset += static_cast<off_t>(piece.size());
    return piece;
  });
}

}  // namespace hubd
