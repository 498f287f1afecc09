#include "server/net/git_answer.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/numbers.h"

namespace hubd {
namespace {

constexpr size_t kLengthDigits = 4;
constexpr char kFlush[] = "0000";

}  // namespace

bool AnswerEnd::Follow(absl::string_view bytes) {
  while (!bytes.empty()) {
    if (left_ > 0) {
      const size_t count = std::min(left_, bytes.size());
      left_ -= count;
      bytes.remove_prefix(count);
      continue;
    }
    digits_ += bytes[0];
    bytes.remove_prefix(1);
    if (digits_.size() < kLengthDigits) continue;
    uint32_t length = 0;
    if (!absl::SimpleHexAtoi(digits_, &length)) return false;
    ended_ = digits_ == kFlush;
    digits_.clear();
    if (length > kLengthDigits) left_ = length - kLengthDigits;
  }
  return true;
}

}  // namespace hubd
