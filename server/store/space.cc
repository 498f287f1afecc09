#include "server/store/space.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "server/base/status.h"

namespace hubd {
namespace {

constexpr int64_t kMaxDefaultFloor = int64_t{1} << 30;
constexpr int64_t kDefaultFloorPart = 50;

// What is asked for at a time where nobody knows how much will come.
constexpr int64_t kMinStep = 1 << 20;
constexpr int64_t kMaxStep = 64 << 20;

int64_t Clamped(uint64_t bytes) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  return bytes > static_cast<uint64_t>(kMax) ? kMax
                                             : static_cast<int64_t>(bytes);
}

}  // namespace

Space::Reservation& Space::Reservation::operator=(
    Reservation&& other) noexcept {
  if (this == &other) return *this;
  GiveBack();
  space_ = std::exchange(other.space_, nullptr);
  counted_ = other.counted_;
  left_ = std::exchange(other.left_, 0);
  taken_ = std::exchange(other.taken_, 0);
  return *this;
}

void Space::Reservation::GiveBack() {
  if (space_ == nullptr) return;
  space_->Remove(left_);
  if (!counted_) space_->AddUncounted(-taken_);
  space_ = nullptr;
  left_ = taken_ = 0;
}

absl::Status Space::Reservation::Take(int64_t bytes) {
  if (space_ == nullptr) return absl::OkStatus();
  if (const int64_t missing = bytes - left_; missing > 0) {
    const int64_t step =
        std::max(missing, std::clamp(taken_, kMinStep, kMaxStep));
    if (space_->Add(step).ok()) {
      left_ += step;
    } else {
      // The last bytes of a disk are as good as others.
      HUBD_RETURN_IF_ERROR(space_->Add(missing));
      left_ += missing;
    }
  }
  left_ -= bytes;
  taken_ += bytes;
  space_->Remove(bytes);
  if (!counted_) space_->AddUncounted(bytes);
  return absl::OkStatus();
}

absl::StatusOr<Space::Reservation> Space::Reserve(int64_t bytes, bool counted) {
  HUBD_RETURN_IF_ERROR(Add(bytes));
  Reservation reservation;
  reservation.space_ = this;
  reservation.counted_ = counted;
  reservation.left_ = bytes;
  return reservation;
}

absl::Status Space::Add(int64_t bytes) {
  if (bytes == 0) return absl::OkStatus();
  int64_t used = 0;
  if (options_.max_bytes) {
    HUBD_ASSIGN_OR_RETURN(used, options_.usage());
  }
  MutexLock lock(mutex_);
  HUBD_RETURN_IF_ERROR(CheckFree(bytes));
  HUBD_RETURN_IF_ERROR(CheckLimit(used, bytes));
  reserved_ += bytes;
  return absl::OkStatus();
}

void Space::Remove(int64_t bytes) {
  MutexLock lock(mutex_);
  reserved_ -= bytes;
}

void Space::AddUncounted(int64_t bytes) {
  MutexLock lock(mutex_);
  uncounted_ += bytes;
}

absl::Status Space::CheckFree(int64_t bytes) const {
  struct statvfs info;
  if (::statvfs(options_.path.c_str(), &info) != 0 || info.f_blocks == 0) {
    return absl::OkStatus();
  }
  const int64_t free = Clamped(uint64_t{info.f_bavail} * info.f_frsize);
  const int64_t whole = Clamped(uint64_t{info.f_blocks} * info.f_frsize);
  const int64_t floor = options_.min_free.value_or(
      std::min(whole / kDefaultFloorPart, kMaxDefaultFloor));
  // None of these sums can overflow.
  if (floor <= free && reserved_ <= free - floor &&
      bytes <= free - floor - reserved_) {
    return absl::OkStatus();
  }
  return ReasonError(
      Reason::kDiskFull,
      absl::StrCat(
          "it needs ", bytes, " bytes, and of the ", free, " that are free, ",
          floor, " are to stay so ([cache] min_free)",
          reserved_ > 0 ? absl::StrCat(" and ", reserved_, " are promised")
                        : ""),
      {{"need", absl::StrCat(bytes)},
       {"free", absl::StrCat(free)},
       {"min_free", absl::StrCat(floor)}});
}

absl::Status Space::CheckLimit(int64_t used, int64_t bytes) const {
  if (!options_.max_bytes) return absl::OkStatus();
  const int64_t limit = *options_.max_bytes;
  const int64_t taken = used + reserved_ + uncounted_;
  if (taken <= limit && bytes <= limit - taken) return absl::OkStatus();
  return ReasonError(
      Reason::kDiskFull,
      absl::StrCat("it needs ", bytes, " bytes, and of the ", limit,
                   " that the cache may have ([cache] max_bytes), ", taken,
                   " are taken"),
      {{"need", absl::StrCat(bytes)},
       {"used", absl::StrCat(taken)},
       {"max_bytes", absl::StrCat(limit)}});
}

}  // namespace hubd
