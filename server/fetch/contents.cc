#include "server/fetch/contents.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <limits>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/crc32c.h"
#include "server/base/log.h"
#include "server/base/status.h"

namespace hubd {
namespace {

// The ledger is written when so many parts are there that it does not name; of
// a large object more, since a ledger becomes long: so often at most.
constexpr int64_t kUnsavedParts = 8;
constexpr int64_t kMaxSaves = 256;
// While it is written more come, but at most so many times as many in all: a
// sudden end would cost them. Who brings more waits so long at most, since no
// server waits for ever for who reads nothing.
constexpr int64_t kMaxUnsavedFactor = 3;
constexpr auto kMaxSaveWait = std::chrono::seconds(10);
constexpr int64_t kPieceBytes = 1 << 20;
// Between two looks at all else.
constexpr int kFollowedPieces = 32;
// A part that comes back otherwise so often is not fetched again.
constexpr int kMaxDamages = 3;

absl::Status WriteAt(int fd, absl::string_view bytes, int64_t offset) {
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(fd, bytes.data(), bytes.size(), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoError(errno, "cannot write");
    bytes.remove_prefix(count);
    offset += count;
  }
  return absl::OkStatus();
}

// So that the next sync has little to wait for. A hint: what the disk does not
// take, the sync tells.
void BeginWriteOut(int fd, ByteRange range) {
  ::sync_file_range(fd, range.begin, range.end - range.begin,
                    SYNC_FILE_RANGE_WRITE);
}

absl::Status ReadAt(int fd, char* buffer, int64_t length, int64_t offset) {
  while (length > 0) {
    const ssize_t count = ::pread(fd, buffer, length, offset);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return ErrnoError(count < 0 ? errno : EIO, "cannot read");
    buffer += count;
    offset += count;
    length -= count;
  }
  return absl::OkStatus();
}

}  // namespace

// What the follower reads next.
struct Contents::Piece {
  int64_t generation = 0;
  int64_t offset = 0;
  int64_t length = 0;
  // The part that ends with it; -1: none does.
  int64_t ended_part = -1;
  uint32_t part_crc = 0;
};

Contents::Contents(Partial& partial, Space& space, const Clock& clock)
    : partial_(partial), fd_(partial.fd()), space_(space), clock_(clock) {}

absl::Status Contents::TakeUp() {
  MutexLock disk_lock(disk_mutex_);
  if (!partial_.ledger()) return absl::OkStatus();
  // What a sudden end left set aside.
  HUBD_RETURN_IF_ERROR(partial_.Trim(*partial_.ledger()));
  int64_t size;
  int64_t missing;
  {
    MutexLock lock(mutex_);
    Begin(partial_.ledger());
    for (const auto& [part, crc] : partial_.ledger()->parts) {
      plan_->Finish(static_cast<int>(part));
      crcs_[part] = crc;
    }
    if (plan_->complete() && plan_->count() > 0) {
      plan_->Forget(plan_->count() - 1);
      crcs_.erase(plan_->count() - 1);
    }
    size = plan_->size();
    missing = size - plan_->done_bytes();
    saved_bytes_ = plan_->done_bytes();
  }
  return SetAside(missing, size);
}

// Asks for room for what is missing, and takes it from others where the file
// system can.
absl::Status Contents::SetAside(int64_t missing, int64_t size) {
  MutexLock write_lock(write_mutex_);
  room_ = Space::Reservation();
  HUBD_ASSIGN_OR_RETURN(room_, space_.Reserve(missing));
  if (missing == 0) return absl::OkStatus();
  if (::fallocate(fd_, FALLOC_FL_KEEP_SIZE, 0, size) != 0) {
    if (errno != ENOSPC && errno != EDQUOT) return absl::OkStatus();
    return ErrnoError(errno, absl::StrCat("no room for ", missing, " bytes"));
  }
  // The disk counts it by now.
  HUBD_RETURN_IF_ERROR(room_.Take(missing));
  room_ = Space::Reservation();
  return absl::OkStatus();
}

void Contents::Begin(std::optional<Ledger> ledger) {
  ++generation_;
  plan_.reset();
  if (ledger) plan_.emplace(ledger->size, ledger->part_size);
  object_ = std::move(ledger);
  if (object_) object_->parts.clear();
  crcs_.clear();
  saved_bytes_ = 0;
  streamed_bytes_ = 0;
  streaming_ = false;
}

absl::Status Contents::Restart(std::optional<Ledger> ledger, int64_t expected) {
  MutexLock disk_lock(disk_mutex_);
  {
    // First, so that the follower does not miss what is cut.
    MutexLock lock(mutex_);
    Begin(std::move(ledger));
  }
  HUBD_RETURN_IF_ERROR(partial_.Restart());
  return SetAside(expected, expected);
}

std::optional<Contents::Span> Contents::Take(int64_t max_bytes) {
  MutexLock lock(mutex_);
  Span span;
  span.generation = generation_;
  if (!plan_) {
    if (std::exchange(streaming_, true)) return std::nullopt;
    span.rest.end = std::numeric_limits<int64_t>::max();
    return span;
  }
  const std::optional<ByteRange> range = plan_->Take(max_bytes);
  if (!range) return std::nullopt;
  span.rest = *range;
  const auto crc = crcs_.find(plan_->PartOf(range->begin));
  if (crc != crcs_.end()) span.crc = crc->second;
  return span;
}

absl::Status Contents::Write(Span& span, absl::string_view bytes) {
  while (!bytes.empty()) {
    const int64_t begin = span.rest.begin;
    if (begin == span.rest.end) {
      return absl::DataLossError("the body is longer than its length says");
    }
    ByteRange part = span.rest;
    {
      MutexLock lock(mutex_);
      if (span.generation != generation_) {
        return absl::AbortedError("all of it begins anew");
      }
      if (plan_) part = plan_->RangeOf(plan_->PartOf(begin));
    }
    const absl::string_view now = bytes.substr(0, part.end - begin);
    {
      MutexLock write_lock(write_mutex_);
      HUBD_RETURN_IF_ERROR(room_.Take(static_cast<int64_t>(now.size())));
      HUBD_RETURN_IF_ERROR(WriteAt(fd_, now, begin));
    }
    bytes.remove_prefix(now.size());
    span.rest.begin += static_cast<int64_t>(now.size());
    span.crc = ExtendCrc32c(span.crc, now);
    {
      MutexLock lock(mutex_);
      if (!plan_) {
        streamed_bytes_ = span.rest.begin;
        continue;
      }
      plan_->Advance(begin, static_cast<int64_t>(now.size()));
      crcs_[plan_->PartOf(begin)] = span.crc;
    }
    if (span.rest.begin == part.end) {
      span.crc = 0;
      BeginWriteOut(fd_, part);
    }
    AwaitSave();
  }
  return absl::OkStatus();
}

// Where nobody writes a ledger yet, somebody soon will.
bool Contents::MustAwaitSave() const {
  return saving_ && plan_ && UnsavedBytes() > kMaxUnsavedFactor * DueBytes();
}

void Contents::AwaitSave() {
  const auto end = std::chrono::steady_clock::now() + kMaxSaveWait;
  MutexLock lock(mutex_);
  if (!MustAwaitSave()) return;
  CountWaits(1);
  while (MustAwaitSave() &&
         saved_.WaitUntil(mutex_, end) != std::cv_status::timeout) {
  }
  CountWaits(-1);
}

void Contents::CountWaits(int more) {
  const absl::Time now = clock_.Now();
  waited_ += waiting_ * (now - std::exchange(counted_at_, now));
  waiting_ += more;
}

void Contents::GiveBack(const Span& span) {
  MutexLock lock(mutex_);
  if (span.generation != generation_) return;
  if (plan_) {
    plan_->GiveBack(span.rest);
  } else {
    streaming_ = false;
  }
}

std::optional<Ledger> Contents::object() const {
  MutexLock lock(mutex_);
  return object_;
}

int64_t Contents::done_bytes() const {
  MutexLock lock(mutex_);
  return plan_ ? plan_->done_bytes() : streamed_bytes_;
}

int64_t Contents::free_bytes() const {
  MutexLock lock(mutex_);
  return plan_ ? plan_->free_bytes() : 0;
}

absl::Duration Contents::TakeWaited() {
  MutexLock lock(mutex_);
  CountWaits(0);
  return std::exchange(waited_, absl::ZeroDuration());
}

bool Contents::complete() const {
  MutexLock lock(mutex_);
  return plan_ && plan_->complete();
}

int64_t Contents::Frontier() const {
  return plan_ ? plan_->frontier() : streamed_bytes_;
}

bool Contents::followed() const {
  MutexLock lock(mutex_);
  return followed_generation_ == generation_ && followed_bytes_ == Frontier();
}

Contents::Piece Contents::NextPiece() {
  if (std::exchange(followed_generation_, generation_) != generation_) {
    followed_bytes_ = 0;
    crc_ = 0;
    hasher_ = Hasher();
    before_part_ = Hasher();
  }
  Piece piece{.generation = generation_, .offset = followed_bytes_};
  int64_t end = std::min(Frontier(), followed_bytes_ + kPieceBytes);
  if (plan_ && end > piece.offset) {
    const int part = plan_->PartOf(piece.offset);
    const int64_t part_end = plan_->RangeOf(part).end;
    end = std::min(end, part_end);
    if (end == part_end) {
      piece.ended_part = part;
      piece.part_crc = crcs_[part];
    }
  }
  piece.length = end - piece.offset;
  return piece;
}

absl::StatusOr<bool> Contents::Follow(const std::stop_token& stop) {
  const auto buffer = std::make_unique_for_overwrite<char[]>(kPieceBytes);
  for (int pieces = 0; pieces < kFollowedPieces; ++pieces) {
    if (stop.stop_requested()) return absl::CancelledError("stopped reading");
    Piece piece;
    {
      MutexLock lock(mutex_);
      piece = NextPiece();
    }
    if (piece.length == 0) return true;
    HUBD_RETURN_IF_ERROR(FollowPiece(piece, buffer.get()));
  }
  return false;
}

absl::Status Contents::FollowPiece(const Piece& piece, char* buffer) {
  if (absl::Status read = ReadAt(fd_, buffer, piece.length, piece.offset);
      !read.ok()) {
    MutexLock lock(mutex_);
    if (piece.generation != generation_) return absl::OkStatus();
    const int part = plan_ ? plan_->PartOf(piece.offset) : -1;
    // What a disk cannot read is fetched again, as what it never had.
    if (part >= 0 && plan_->IsFinished(part)) return Forget(part);
    return read;
  }
  const absl::string_view bytes(buffer, piece.length);
  hasher_.Update(bytes);
  crc_ = ExtendCrc32c(crc_, bytes);
  followed_bytes_ += piece.length;
  return piece.ended_part < 0 ? absl::OkStatus() : EndPart(piece);
}

absl::Status Contents::EndPart(const Piece& piece) {
  if (std::exchange(crc_, 0) == piece.part_crc) {
    before_part_ = hasher_.Clone();
    return absl::OkStatus();
  }
  {
    MutexLock lock(mutex_);
    // What was read is gone: all begins anew.
    if (piece.generation != generation_) return absl::OkStatus();
    HUBD_RETURN_IF_ERROR(Forget(static_cast<int>(piece.ended_part)));
  }
  HUBD_LOG(kWarning) << "event=part_damaged path="
                     << LogQuote(partial_.data_path())
                     << " part=" << piece.ended_part;
  return absl::OkStatus();
}

absl::Status Contents::Forget(int part) {
  if (++damages_[part] == kMaxDamages) {
    return absl::DataLossError(
        "the disk gives back other bytes than it was given");
  }
  plan_->Forget(part);
  crcs_.erase(part);
  followed_bytes_ = plan_->RangeOf(part).begin;
  crc_ = 0;
  hasher_ = before_part_.Clone();
  return absl::OkStatus();
}

Ledger Contents::Snapshot() const {
  Ledger ledger = *object_;
  for (const auto& [part, crc] : crcs_) {
    if (plan_->IsFinished(static_cast<int>(part))) ledger.parts[part] = crc;
  }
  return ledger;
}

absl::Status Contents::Save() {
  MutexLock disk_lock(disk_mutex_);
  Ledger ledger;
  int64_t bytes;
  {
    MutexLock lock(mutex_);
    if (!object_) return absl::OkStatus();
    ledger = Snapshot();
    bytes = plan_->done_bytes();
    if (ledger.parts.empty()) {
      saved_bytes_ = bytes;
      return absl::OkStatus();
    }
    saving_ = true;
  }
  absl::Status saved = partial_.Save(std::move(ledger));
  {
    MutexLock lock(mutex_);
    saving_ = false;
    saved_bytes_ = bytes;
    saved_.NotifyAll();
  }
  if (saved.ok() || partial_.lost_bytes() || absl::IsUnavailable(saved)) {
    return saved;
  }
  // The bytes are there, and one ledger less is no harm to them.
  HUBD_LOG(kWarning) << "event=ledger_not_written error="
                     << LogQuote(saved.message());
  return absl::OkStatus();
}

// Once all is there, the end saves it.
int64_t Contents::UnsavedBytes() const {
  if (!plan_ || plan_->complete()) return 0;
  return plan_->done_bytes() - saved_bytes_;
}

int64_t Contents::DueBytes() const {
  return std::max(kUnsavedParts, plan_->count() / kMaxSaves) *
         plan_->part_size();
}

bool Contents::IsSaveDue() const {
  MutexLock lock(mutex_);
  return plan_ && UnsavedBytes() >= DueBytes();
}

void Contents::Keep() {
  // First, since a full disk has no room for the ledger else.
  absl::Status status = DropUnfinished();
  status.Update(Save());
  MutexLock disk_lock(disk_mutex_);
  status.Update(partial_.ledger() ? partial_.Trim(*partial_.ledger())
                                  : partial_.Remove());
  if (!status.ok()) {
    HUBD_LOG(kWarning) << "event=partial_not_kept error="
                       << LogQuote(status.message());
  }
}

absl::Status Contents::DropUnfinished() {
  MutexLock disk_lock(disk_mutex_);
  Ledger kept;
  {
    MutexLock lock(mutex_);
    if (!object_) return absl::OkStatus();
    kept = Snapshot();
  }
  return partial_.Trim(kept);
}

}  // namespace hubd
