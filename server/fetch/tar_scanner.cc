#include "server/fetch/tar_scanner.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "server/base/status.h"
#include "server/fetch/member_path.h"

namespace hubd {
namespace {

// Longer extensions are passed over; libarchive refuses them.
constexpr uint64_t kMaxExtension = 1 << 20;

// A numeric field: octal digits, or big-endian binary behind a set first bit.
std::optional<uint64_t> NumberOf(absl::string_view field) {
  uint64_t number = 0;
  if ((field[0] & 0x80) != 0) {
    for (const char c : field.substr(field.size() - 8)) {
      number = number << 8 | static_cast<unsigned char>(c);
    }
    return number >> 62 == 0 ? std::optional(number) : std::nullopt;
  }
  field = field.substr(0, field.find('\0'));
  while (absl::ConsumePrefix(&field, " ")) {
  }
  for (const char c : field.substr(0, field.find(' '))) {
    if (c < '0' || c > '7') return std::nullopt;
    number = number << 3 | static_cast<uint64_t>(c - '0');
  }
  return number;
}

// The sum of all bytes, those of the sum's own field as blanks.
bool HasRightSum(absl::string_view header) {
  constexpr size_t kFrom = 148;
  constexpr size_t kTo = 156;
  uint64_t sum = 0;
  for (size_t i = 0; i < header.size(); ++i) {
    sum += i >= kFrom && i < kTo ? ' ' : static_cast<unsigned char>(header[i]);
  }
  return NumberOf(header.substr(kFrom, kTo - kFrom)) == sum;
}

// NULs fill what a name leaves free.
absl::Status CheckName(absl::string_view name) {
  name = name.substr(0, name.find_last_not_of('\0') + 1);
  return name.find('\0') == absl::string_view::npos
             ? absl::OkStatus()
             : BadMember(name, "its name has a NUL");
}

absl::Status CheckNames(absl::string_view header) {
  HUBD_RETURN_IF_ERROR(CheckName(header.substr(0, 100)));
  HUBD_RETURN_IF_ERROR(CheckName(header.substr(157, 100)));
  // Only POSIX has the rest of a name here; star keeps times behind it.
  const bool has_prefix =
      header.substr(257, 6) == absl::string_view("ustar", 6);
  if (!has_prefix || header.substr(508, 3) == "tar") return absl::OkStatus();
  return CheckName(header.substr(345, 155));
}

bool IsExtension(char type) {
  return type == 'x' || type == 'g' || type == 'L' || type == 'K';
}

// Links, devices, folders and fifos have no content, whatever their size says.
bool HasContent(char type) { return type < '1' || type > '6'; }

uint64_t Padding(uint64_t size) {
  return (kTarBlock - size % kTarBlock) % kTarBlock;
}

}  // namespace

absl::Status TarScanner::Scan(absl::string_view bytes) {
  while (!bytes.empty() && !lost_) {
    if (skip_ > 0) {
      const uint64_t passed = std::min<uint64_t>(skip_, bytes.size());
      bytes.remove_prefix(passed);
      skip_ -= passed;
      continue;
    }
    const uint64_t taken =
        std::min<uint64_t>(wanted_ - block_.size(), bytes.size());
    block_.append(bytes.data(), taken);
    bytes.remove_prefix(taken);
    if (block_.size() < wanted_) break;
    HUBD_RETURN_IF_ERROR(extension_ != 0 ? TakeExtension() : TakeHeader());
    block_.clear();
  }
  return absl::OkStatus();
}

absl::Status TarScanner::TakeHeader() {
  const absl::string_view header = block_;
  const std::optional<uint64_t> size = NumberOf(header.substr(124, 12));
  const char type = header[156];
  // The end, damage, or a hard link with content, on which readers disagree.
  lost_ = !HasRightSum(header) || !size || (type == '1' && *size > 0);
  if (lost_) return absl::OkStatus();
  if (IsExtension(type) && *size > 0 && *size <= kMaxExtension) {
    extension_ = type;
    wanted_ = *size;
    return absl::OkStatus();
  }
  HUBD_RETURN_IF_ERROR(CheckNames(header));
  skip_ = HasContent(type) ? next_size_.value_or(*size) : 0;
  skip_ += Padding(skip_);
  next_size_.reset();
  return absl::OkStatus();
}

absl::Status TarScanner::TakeExtension() {
  absl::string_view body = block_;
  const bool is_pax = extension_ == 'x' || extension_ == 'g';
  if (!is_pax) HUBD_RETURN_IF_ERROR(CheckName(body));
  // Records are "LENGTH KEY=VALUE\n"; libarchive refuses what is none.
  while (is_pax && !body.empty()) {
    const size_t blank = body.find(' ');
    size_t size = 0;
    if (blank == absl::string_view::npos ||
        !absl::SimpleAtoi(body.substr(0, blank), &size) || size < blank + 2 ||
        size > body.size()) {
      break;
    }
    const absl::string_view record = body.substr(blank + 1, size - blank - 2);
    const size_t equals = record.find('=');
    if (equals == absl::string_view::npos) break;
    HUBD_RETURN_IF_ERROR(
        TakePaxRecord(record.substr(0, equals), record.substr(equals + 1)));
    body.remove_prefix(size);
  }
  skip_ = Padding(wanted_);
  wanted_ = kTarBlock;
  extension_ = 0;
  return absl::OkStatus();
}

absl::Status TarScanner::TakePaxRecord(absl::string_view key,
                                       absl::string_view value) {
  if (key == "path" || key == "linkpath") {
    return value.find('\0') == absl::string_view::npos
               ? absl::OkStatus()
               : BadMember(value, "its name has a NUL");
  }
  if (key == "comment" && extension_ == 'g') commit_ = std::string(value);
  uint64_t size = 0;
  if (key == "size" && extension_ == 'x' && absl::SimpleAtoi(value, &size) &&
      size >> 62 == 0) {
    next_size_ = size;
  }
  return absl::OkStatus();
}

}  // namespace hubd
