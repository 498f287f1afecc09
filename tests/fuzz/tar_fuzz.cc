// Damaged tar streams: any bytes, with the checksums of headers put right, so
// that what is behind them is reached.

#include <algorithm>
#include <cstdint>
#include <stop_token>
#include <string>

#include "absl/strings/str_format.h"
#include "server/fetch/archive.h"
#include "tests/fuzz/unpacked_check.h"
#include "tests/server/fetch/archive_builder.h"

namespace {

constexpr size_t kBlock = 512;
constexpr size_t kChecksum = 148;

std::string WithChecksums(std::string tar) {
  for (size_t at = 0; at + kBlock <= tar.size(); at += kBlock) {
    // Blocks of content may change; they are headers for all we know.
    if (std::all_of(tar.begin() + at, tar.begin() + at + kBlock,
                    [](char c) { return c == '\0'; })) {
      continue;
    }
    tar.replace(at + kChecksum, 8, 8, ' ');
    int sum = 0;
    for (size_t i = 0; i < kBlock; ++i) {
      sum += static_cast<unsigned char>(tar[at + i]);
    }
    tar.replace(at + kChecksum, 7, absl::StrFormat("%06o", sum) + '\0');
  }
  return tar;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string tar =
      WithChecksums({reinterpret_cast<const char*>(data), size});
  const hubd::UnpackedCheck check;
  hubd::UnpackMeter meter(hubd::kFuzzLimits, std::stop_token());
  const absl::StatusOr<hubd::UnpackedTree> tree =
      hubd::UnpackTree(hubd::SourceOf(hubd::Gzip(tar)), check.dir(), meter);
  if (tree.ok()) {
    check.CheckUnpacked(tree->entry_count, tree->size_bytes);
  } else {
    check.CheckRefused(tree.status());
  }
  return 0;
}
