// Streams that take ranges, bring some bytes of them and give the rest back, in
// any order: no byte is taken twice, none is lost, and what is there and what
// is not is the whole object.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "server/base/status.h"
#include "server/fetch/part_plan.h"

namespace {

using hubd::ByteRange;
using hubd::PartPlan;

// As said by the plan, byte by byte.
enum class Byte : uint8_t { kFree, kTaken, kDone };

class Model {
 public:
  Model(int64_t size, int64_t part_size)
      : plan_(size, part_size), bytes_(size, Byte::kFree) {}

  void Step(uint8_t what, uint8_t how) {
    if (what % 4 == 0) Take(how);
    if (taken_.empty()) return;
    ByteRange& range = taken_[how % taken_.size()];
    if (what % 4 == 1) Advance(range, what / 4);
    if (what % 4 == 2) GiveBack(range);
    if (what % 4 == 3 && plan_.count() > 0) Forget(how % plan_.count());
    std::erase_if(taken_, [](const ByteRange& r) { return r.begin == r.end; });
    Check();
  }

 private:
  void Take(uint8_t most) {
    const std::optional<ByteRange> range = plan_.Take(most);
    if (!range) {
      HUBD_CHECK(std::count(bytes_.begin(), bytes_.end(), Byte::kFree) == 0);
      return;
    }
    HUBD_CHECK(range->begin < range->end);
    Change(*range, Byte::kFree, Byte::kTaken);
    taken_.push_back(*range);
  }

  void Advance(ByteRange& range, int64_t bytes) {
    const int64_t part_end = plan_.RangeOf(plan_.PartOf(range.begin)).end;
    bytes = std::min(bytes, part_end - range.begin);
    if (bytes == 0) return;
    plan_.Advance(range.begin, bytes);
    Change({range.begin, range.begin + bytes}, Byte::kTaken, Byte::kDone);
    range.begin += bytes;
  }

  void GiveBack(ByteRange& range) {
    plan_.GiveBack(range);
    Change(range, Byte::kTaken, Byte::kFree);
    range.begin = range.end;
  }

  void Forget(int part) {
    const ByteRange range = plan_.RangeOf(part);
    if (!plan_.IsFinished(part)) return;
    plan_.Forget(part);
    Change(range, Byte::kDone, Byte::kFree);
  }

  void Change(const ByteRange& range, Byte from, Byte to) {
    for (int64_t i = range.begin; i < range.end; ++i) {
      HUBD_CHECK(bytes_[i] == from);
      bytes_[i] = to;
    }
  }

  void Check() const {
    const auto count = [this](Byte byte) {
      return std::count(bytes_.begin(), bytes_.end(), byte);
    };
    HUBD_CHECK(plan_.done_bytes() == count(Byte::kDone));
    HUBD_CHECK(plan_.free_bytes() == count(Byte::kFree));
    const auto gap = std::find_if(bytes_.begin(), bytes_.end(), [](Byte byte) {
      return byte != Byte::kDone;
    });
    HUBD_CHECK(plan_.frontier() == gap - bytes_.begin());
  }

  PartPlan plan_;
  std::vector<Byte> bytes_;
  std::vector<ByteRange> taken_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  Model model(data[0] * 4, 1 + data[1]);
  for (size_t i = 2; i + 1 < std::min<size_t>(size, 2000); i += 2) {
    model.Step(data[i], data[i + 1]);
  }
  return 0;
}
