#include "server/store/partial.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "server/base/crc32c.h"
#include "server/base/fs.h"
#include "server/base/log.h"
#include "server/base/status.h"

namespace hubd {
namespace {

// Half a million parts.
constexpr int64_t kMaxLedgerBytes = 16 << 20;

std::string DataPath(const std::string& directory) {
  return absl::StrCat(directory, "/data");
}

std::string LedgerPath(const std::string& directory) {
  return absl::StrCat(directory, "/ledger");
}

// Whether something is at `path` that is not of this type; a link is no other
// thing than itself.
bool IsOther(mode_t type, const std::string& path) {
  struct stat info;
  return ::lstat(path.c_str(), &info) == 0 && (info.st_mode & S_IFMT) != type;
}

absl::Status MakeDirectory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return ErrnoError(errno, absl::StrCat("cannot make ", path));
  }
  if (!IsOther(S_IFDIR, path)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(path, " is there and is no directory"));
}

absl::StatusOr<UniqueFd> OpenData(const std::string& path) {
  // A link, or a pipe: no bytes of ours are there.
  if (IsOther(S_IFREG, path)) HUBD_RETURN_IF_ERROR(RemoveAll(path));
  // It was about to be published, and so made read-only.
  ::chmod(path.c_str(), 0600);
  UniqueFd fd(
      ::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd.valid()) return ErrnoError(errno, absl::StrCat("cannot open ", path));
  return fd;
}

// The data of `directory`, locked. Somebody who removes it has it for a moment:
// then it is made anew.
absl::StatusOr<UniqueFd> TakeData(const std::string& directory,
                                  const std::stop_token& stop) {
  constexpr int kLooks = 200;
  const std::string path = DataPath(directory);
  for (int looks = 0; looks < kLooks && !stop.stop_requested(); ++looks) {
    if (looks > 0) absl::SleepFor(absl::Milliseconds(10));
    HUBD_RETURN_IF_ERROR(MakeDirectory(directory));
    absl::StatusOr<UniqueFd> fd = OpenData(path);
    if (!fd.ok() && !IsThere(directory)) continue;
    HUBD_RETURN_IF_ERROR(fd.status());
    if (::flock(fd->get(), LOCK_EX | LOCK_NB) == 0) {
      if (!LeadsTo(path, fd->get())) continue;
      // Who takes it up uses it: PrunePartials looks at the time.
      ::futimens(fd->get(), nullptr);
      return fd;
    }
    if (errno != EWOULDBLOCK && errno != EINTR) {
      return ErrnoError(errno, absl::StrCat("cannot lock ", path));
    }
  }
  if (stop.stop_requested()) {
    return absl::CancelledError(absl::StrCat("stopped waiting for ", path));
  }
  return absl::AbortedError(absl::StrCat(path, " is in use; try again later"));
}

absl::StatusOr<Ledger> ReadLedger(const std::string& path) {
  // A pipe would be waited for.
  if (IsOther(S_IFREG, path)) return absl::DataLossError("no ledger: no file");
  HUBD_ASSIGN_OR_RETURN(std::string json, ReadFile(path, kMaxLedgerBytes));
  return DecodeLedger(json);
}

absl::StatusOr<Ledger> ReadLedgerOf(const std::string& path,
                                    const std::string& url) {
  HUBD_ASSIGN_OR_RETURN(Ledger ledger, ReadLedger(path));
  if (ledger.url == url) return ledger;
  return absl::DataLossError("no ledger: it is about another URL");
}

// Drops the parts that the data is too short for: it was lost, or cut.
void DropMissing(int fd, Ledger& ledger) {
  struct stat info;
  if (::fstat(fd, &info) != 0) return;
  std::erase_if(ledger.parts, [&](const auto& part) {
    const int64_t begin = part.first * ledger.part_size;
    return std::min(begin + ledger.part_size, ledger.size) > info.st_size;
  });
}

absl::Status Cut(int fd, int64_t size, const std::string& path) {
  struct stat info;
  if (::fstat(fd, &info) == 0 &&
      (info.st_size <= size || ::ftruncate(fd, size) == 0)) {
    return absl::OkStatus();
  }
  return ErrnoError(errno, absl::StrCat("cannot cut ", path));
}

// Gives back the room of all but the ledger's parts.
absl::Status KeepOnly(const Ledger& ledger, int fd, const std::string& path) {
  int64_t end = 0;
  for (const auto& [part, crc] : ledger.parts) {
    const int64_t begin = part * ledger.part_size;
    // Not every file system can: then the room stays taken.
    if (begin > end) {
      ::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, end,
                  begin - end);
    }
    end = std::min(begin + ledger.part_size, ledger.size);
  }
  // Not longer than it is; also what is set aside behind the end.
  struct stat info;
  if (::fstat(fd, &info) == 0 &&
      ::ftruncate(fd, std::min<int64_t>(end, info.st_size)) == 0) {
    return absl::OkStatus();
  }
  return ErrnoError(errno, absl::StrCat("cannot cut ", path));
}

// Of so many bytes; nullopt: they cannot be read.
std::optional<uint32_t> CrcOfBegin(int fd, int64_t length) {
  constexpr int64_t kPieceBytes = 1 << 20;
  std::string piece;
  uint32_t crc = 0;
  for (int64_t offset = 0; offset < length;) {
    piece.resize(std::min(kPieceBytes, length - offset));
    const ssize_t count = ::pread(fd, piece.data(), piece.size(), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return std::nullopt;
    crc = ExtendCrc32c(crc, absl::string_view(piece.data(), count));
    offset += count;
  }
  return crc;
}

// When a partial was last taken up or written; of one that is gone: never
// long ago.
absl::Time LastUse(const std::string& directory) {
  absl::Time last = absl::InfinitePast();
  struct stat info;
  for (const std::string& path : {LedgerPath(directory), DataPath(directory)}) {
    if (::lstat(path.c_str(), &info) == 0) {
      last = std::max(last, absl::TimeFromTimespec(info.st_mtim));
    }
  }
  if (last != absl::InfinitePast()) return last;
  // Not yet more than a directory.
  if (::lstat(directory.c_str(), &info) != 0) return absl::InfiniteFuture();
  return absl::TimeFromTimespec(info.st_mtim);
}

// What a partial takes on the disk: bytes that have not come take nothing, be
// they in the middle.
int64_t BytesOnDisk(const std::string& directory) {
  constexpr int64_t kBlock = 512;
  int64_t blocks = 0;
  struct stat info;
  for (const std::string& path : {LedgerPath(directory), DataPath(directory)}) {
    if (::lstat(path.c_str(), &info) == 0) blocks += info.st_blocks;
  }
  return blocks * kBlock;
}

}  // namespace

absl::StatusOr<Partial> Partial::Open(std::string directory,
                                      const std::string& url,
                                      const std::stop_token& stop) {
  HUBD_ASSIGN_OR_RETURN(UniqueFd fd, TakeData(directory, stop));
  const std::string data = DataPath(directory);
  Partial partial(std::move(directory), std::move(fd));
  const std::string path = LedgerPath(partial.directory_);
  absl::StatusOr<Ledger> ledger = ReadLedgerOf(path, url);
  if (ledger.ok()) {
    DropMissing(partial.fd(), *ledger);
  } else if (!absl::IsNotFound(ledger.status())) {
    HUBD_LOG(kWarning) << "event=partial_forgotten path=" << LogQuote(path)
                       << " error=" << LogQuote(ledger.status().message());
  }
  if (!ledger.ok() || ledger->parts.empty()) {
    HUBD_RETURN_IF_ERROR(partial.Restart());
    return partial;
  }
  HUBD_RETURN_IF_ERROR(Cut(partial.fd(), ledger->size, data));
  partial.ledger_ = *std::move(ledger);
  return partial;
}

std::string Partial::data_path() const { return DataPath(directory_); }

// The root may have been replaced, by that of a daemon that is here now.
absl::Status Partial::CheckThere() const {
  const std::string data = DataPath(directory_);
  if (LeadsTo(data, fd_.get())) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(data, " was removed or replaced"));
}

// Between the two locks there is none: somebody may remove it.
absl::Status Partial::Share() {
  if (::flock(fd_.get(), LOCK_SH | LOCK_NB) == 0) return CheckThere();
  return absl::UnavailableError(
      absl::StrCat(DataPath(directory_), " is being removed; try again"));
}

absl::Status Partial::Restart() {
  HUBD_RETURN_IF_ERROR(CheckThere());
  ledger_.reset();
  HUBD_RETURN_IF_ERROR(RemoveAll(LedgerPath(directory_)));
  // Also what is set aside behind its end.
  if (::ftruncate(fd_.get(), 0) == 0) return absl::OkStatus();
  return ErrnoError(errno, absl::StrCat("cannot cut ", DataPath(directory_)));
}

absl::Status Partial::Save(Ledger ledger) {
  HUBD_RETURN_IF_ERROR(CheckThere());
  // The kernel tells a failure once: a second sync would say that all is well.
  if (lost_bytes_) {
    return absl::DataLossError(
        absl::StrCat(DataPath(directory_), " has lost bytes"));
  }
  if (::fdatasync(fd_.get()) != 0) {
    absl::Status failure =
        ErrnoError(errno, absl::StrCat("cannot sync ", DataPath(directory_)));
    lost_bytes_ = true;
    return failure;
  }
  // The directory may be new.
  if (!ledger_) {
    HUBD_RETURN_IF_ERROR(SyncDirectory(
        std::filesystem::path(directory_).parent_path().string()));
  }
  HUBD_RETURN_IF_ERROR(
      WriteFileDurably(LedgerPath(directory_), EncodeLedger(ledger), 0600));
  ledger_ = std::move(ledger);
  return absl::OkStatus();
}

absl::Status Partial::Trim(const Ledger& kept) {
  HUBD_RETURN_IF_ERROR(CheckThere());
  return KeepOnly(kept, fd_.get(), DataPath(directory_));
}

absl::Status Partial::Remove() {
  ledger_.reset();
  if (IsThere(DataPath(directory_))) HUBD_RETURN_IF_ERROR(CheckThere());
  return RemoveAll(directory_);
}

absl::Status RemovePartial(const std::string& directory) {
  const std::string path = DataPath(directory);
  if (IsOther(S_IFREG, path)) return RemoveAll(directory);
  // As it is: it may be on its way to be a blob.
  const UniqueFd data(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!data.valid()) {
    if (errno != ENOENT) {
      return ErrnoError(errno, absl::StrCat("cannot open ", path));
    }
    // A ledger alone: what it is about is being published.
    if (IsThere(LedgerPath(directory))) return absl::OkStatus();
    return RemoveAll(directory);
  }
  if (::flock(data.get(), LOCK_EX | LOCK_NB) == 0) return RemoveAll(directory);
  if (errno == EWOULDBLOCK) return absl::OkStatus();
  return ErrnoError(errno, absl::StrCat("cannot lock ", path));
}

PartialFiles FilesOfPartial(const std::string& directory) {
  return {.data = IsThere(DataPath(directory)),
          .ledger = IsThere(LedgerPath(directory))};
}

bool PutBackData(const std::string& path, const std::string& directory) {
  const absl::StatusOr<Ledger> ledger = ReadLedger(LedgerPath(directory));
  if (!ledger.ok() || ledger->size == 0) return false;
  const int64_t last = (ledger->size - 1) / ledger->part_size;
  if (static_cast<int64_t>(ledger->parts.size()) != last + 1) return false;
  if (IsOther(S_IFREG, path)) return false;
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  struct stat info;
  if (!fd.valid() || ::fstat(fd.get(), &info) != 0) return false;
  const int64_t first = std::min(ledger->part_size, ledger->size);
  return info.st_size == ledger->size &&
         CrcOfBegin(fd.get(), first) == ledger->parts.begin()->second &&
         ::rename(path.c_str(), DataPath(directory).c_str()) == 0;
}

absl::Status TrimPartial(const std::string& directory) {
  const std::string path = DataPath(directory);
  if (IsOther(S_IFREG, path)) return absl::OkStatus();
  const UniqueFd data(::open(path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
  if (!data.valid() || ::flock(data.get(), LOCK_EX | LOCK_NB) != 0) {
    return absl::OkStatus();
  }
  const absl::StatusOr<Ledger> ledger = ReadLedger(LedgerPath(directory));
  return KeepOnly(ledger.ok() ? *ledger : Ledger(), data.get(), path);
}

absl::StatusOr<PrunedPartials> PrunePartials(const std::string& directory,
                                             absl::Time now,
                                             absl::Duration age) {
  HUBD_ASSIGN_OR_RETURN(std::vector<std::string> names,
                        ListDirectory(directory));
  PrunedPartials pruned;
  absl::Status failure;
  for (const std::string& name : names) {
    const std::string path = absl::StrCat(directory, "/", name);
    if (now - LastUse(path) <= age) {
      failure.Update(TrimPartial(path));
      continue;
    }
    const int64_t bytes = BytesOnDisk(path);
    absl::Status status = RemovePartial(path);
    failure.Update(status);
    if (!status.ok()) continue;
    const bool gone = !IsThere(path);
    (gone ? pruned.removed : pruned.in_use) += 1;
    (gone ? pruned.removed_bytes : pruned.in_use_bytes) += bytes;
    if (!gone) continue;
    HUBD_LOG(kInfo) << "event=partial_pruned path=" << LogQuote(path);
  }
  HUBD_RETURN_IF_ERROR(failure);
  return pruned;
}

absl::StatusOr<int64_t> PartialBytes(const std::string& directory) {
  HUBD_ASSIGN_OR_RETURN(std::vector<std::string> names,
                        ListDirectory(directory));
  int64_t bytes = 0;
  for (const std::string& name : names) {
    bytes += BytesOnDisk(absl::StrCat(directory, "/", name));
  }
  return bytes;
}

}  // namespace hubd
