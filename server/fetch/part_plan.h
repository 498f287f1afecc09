// Which bytes of an object are there, which are on their way, and which are
// fetched next.

#ifndef HUBD_SERVER_FETCH_PART_PLAN_H_
#define HUBD_SERVER_FETCH_PART_PLAN_H_

#include <cstdint>
#include <optional>
#include <vector>

namespace hubd {

// Bytes of an object: [begin, end).
struct ByteRange {
  int64_t begin = 0;
  int64_t end = 0;

  bool operator==(const ByteRange&) const = default;
};

// An object of `size` bytes in parts of `part_size`, the last one shorter. Of a
// part some bytes from its beginning on may be there. A range is taken by one
// stream, comes from its beginning on, and what did not come is given back. A
// value.
class PartPlan {
 public:
  // REQUIRES: size >= 0, part_size > 0.
  PartPlan(int64_t size, int64_t part_size);

  int64_t size() const { return size_; }
  int64_t part_size() const { return part_size_; }
  int count() const { return static_cast<int>(parts_.size()); }
  ByteRange RangeOf(int part) const;
  int PartOf(int64_t offset) const {
    return static_cast<int>(offset / part_size_);
  }

  // All of the part is there. REQUIRES: nobody has taken it.
  void Finish(int part);
  // Nothing of the part is there. REQUIRES: nobody has taken it.
  void Forget(int part);

  // The first bytes that are neither there nor taken: to the end of a part, at
  // most `max_bytes` or else the rest of one part. nullopt where there are
  // none.
  std::optional<ByteRange> Take(int64_t max_bytes);
  // So many bytes from `offset` on have come. REQUIRES: they lie in one part,
  // are taken, and are the next ones of it.
  void Advance(int64_t offset, int64_t bytes);
  // Nobody fetches this rest of a range that was taken. REQUIRES: it begins
  // where the range has come to.
  void GiveBack(const ByteRange& rest);

  bool IsFinished(int part) const;
  // How many bytes of the part are there.
  int64_t HaveOf(int part) const { return parts_[part].have; }
  // Bytes that are there from the object's beginning on without a gap.
  int64_t frontier() const;
  int64_t done_bytes() const { return done_bytes_; }
  // Bytes that are neither there nor taken.
  int64_t free_bytes() const { return free_bytes_; }
  bool complete() const { return done_bytes_ == size_; }

 private:
  struct Part {
    int64_t have = 0;
    bool taken = false;
  };

  bool IsFree(int part) const {
    return !parts_[part].taken && !IsFinished(part);
  }

  int64_t size_;
  int64_t part_size_;
  std::vector<Part> parts_;
  int64_t done_bytes_ = 0;
  int64_t free_bytes_;
  // Before it, all parts are finished, and none is free.
  mutable int first_unfinished_ = 0;
  int first_free_ = 0;
};

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_PART_PLAN_H_
