#include "server/fetch/part_plan.h"

#include <algorithm>

#include "server/base/status.h"

namespace hubd {

PartPlan::PartPlan(int64_t size, int64_t part_size)
    : size_(size),
      part_size_(part_size),
      parts_(size / part_size + (size % part_size != 0 ? 1 : 0)),
      free_bytes_(size) {}

ByteRange PartPlan::RangeOf(int part) const {
  const int64_t begin = part * part_size_;
  return {begin, std::min(begin + part_size_, size_)};
}

bool PartPlan::IsFinished(int part) const {
  const ByteRange range = RangeOf(part);
  return parts_[part].have == range.end - range.begin;
}

void PartPlan::Finish(int part) {
  HUBD_CHECK(!parts_[part].taken);
  const ByteRange range = RangeOf(part);
  const int64_t missing = range.end - range.begin - parts_[part].have;
  parts_[part].have += missing;
  done_bytes_ += missing;
  free_bytes_ -= missing;
}

void PartPlan::Forget(int part) {
  HUBD_CHECK(!parts_[part].taken);
  done_bytes_ -= parts_[part].have;
  free_bytes_ += parts_[part].have;
  parts_[part].have = 0;
  first_unfinished_ = std::min(first_unfinished_, part);
  first_free_ = std::min(first_free_, part);
}

std::optional<ByteRange> PartPlan::Take(int64_t max_bytes) {
  while (first_free_ < count() && !IsFree(first_free_)) ++first_free_;
  if (first_free_ == count()) return std::nullopt;
  int part = first_free_;
  ByteRange range = RangeOf(part);
  range.begin += parts_[part].have;
  parts_[part].taken = true;
  // Of a further part all bytes must be missing: they are asked for in one go.
  for (++part; part < count(); ++part) {
    const int64_t end = RangeOf(part).end;
    const bool missing = IsFree(part) && parts_[part].have == 0;
    if (!missing || end - range.begin > max_bytes) break;
    parts_[part].taken = true;
    range.end = end;
  }
  free_bytes_ -= range.end - range.begin;
  return range;
}

void PartPlan::Advance(int64_t offset, int64_t bytes) {
  Part& part = parts_[PartOf(offset)];
  const ByteRange range = RangeOf(PartOf(offset));
  HUBD_CHECK(part.taken && range.begin + part.have == offset &&
             offset + bytes <= range.end);
  part.have += bytes;
  done_bytes_ += bytes;
  part.taken = offset + bytes < range.end;
}

void PartPlan::GiveBack(const ByteRange& rest) {
  if (rest.begin == rest.end) return;
  const int first = PartOf(rest.begin);
  HUBD_CHECK(RangeOf(first).begin + parts_[first].have == rest.begin);
  for (int part = first; part < count() && RangeOf(part).begin < rest.end;
       ++part) {
    HUBD_CHECK(parts_[part].taken);
    parts_[part].taken = false;
  }
  free_bytes_ += rest.end - rest.begin;
  first_free_ = std::min(first_free_, first);
}

int64_t PartPlan::frontier() const {
  while (first_unfinished_ < count() && IsFinished(first_unfinished_)) {
    ++first_unfinished_;
  }
  if (first_unfinished_ == count()) return size_;
  return RangeOf(first_unfinished_).begin + parts_[first_unfinished_].have;
}

}  // namespace hubd
