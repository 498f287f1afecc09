#include "server/fetch/lfs_pointer.h"

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "server/base/digest.h"

namespace hubd {
namespace {

constexpr absl::string_view kVersion =
    "version https://git-lfs.github.com/spec/v1\n";
constexpr size_t kDigits = 64;
// Sums of sizes stay far from what 64 bits can hold.
constexpr int64_t kMaxSize = int64_t{1} << 50;

}  // namespace

bool BeginsLfsPointer(absl::string_view text) {
  return absl::StartsWith(text, kVersion);
}

std::optional<LfsObject> ParseLfsPointer(absl::string_view text) {
  if (text.size() > kMaxLfsPointer || !absl::ConsumePrefix(&text, kVersion) ||
      !absl::ConsumePrefix(&text, "oid sha256:") || text.size() < kDigits) {
    return std::nullopt;
  }
  LfsObject object;
  object.oid = std::string(text.substr(0, kDigits));
  text.remove_prefix(kDigits);
  if (!IsSha256Prefix(object.oid) || !absl::ConsumePrefix(&text, "\nsize ") ||
      !absl::ConsumeSuffix(&text, "\n") || text.empty()) {
    return std::nullopt;
  }
  // SimpleAtoi alone takes blanks, signs and leading zeros.
  const bool digits = std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isdigit(static_cast<unsigned char>(c));
  });
  if (!digits || (text[0] == '0' && text.size() > 1) ||
      !absl::SimpleAtoi(text, &object.size_bytes) ||
      object.size_bytes > kMaxSize) {
    return std::nullopt;
  }
  return object;
}

}  // namespace hubd
