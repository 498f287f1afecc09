#include "server/fetch/first_bytes.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "server/base/unique_fd.h"

namespace hubd {
namespace {

constexpr size_t kFirstBytes = 16 << 10;

struct Beginning {
  absl::string_view bytes;
  absl::string_view name;
};

constexpr Beginning kBinary[] = {
    {{"PK\3\4", 4}, "a zip archive"},       {{"\x1f\x8b", 2}, "gzip data"},
    {{"\x89HDF", 4}, "an HDF5 file"},       {{"\x80\x02", 2}, "a pickle"},
    {{"\x80\x03", 2}, "a pickle"},          {{"\x80\x04", 2}, "a pickle"},
    {{"\x80\x05", 2}, "a pickle"},          {{"%PDF-", 5}, "a PDF document"},
    {{"\x28\xb5\x2f\xfd", 4}, "zstd data"},
};

// Case does not matter, nor white space before them.
constexpr Beginning kText[] = {
    {"<!doctype html", "an HTML page"},
    {"<html", "an HTML page"},
    {"<head", "an HTML page"},
    {"<body", "an HTML page"},
    {"<?xml", "an XML document"},
    {"<error>", "an XML document"},
    {"version https://git-lfs.github.com/spec/",
     "the pointer of a Git LFS file"},
    {"{", "JSON text"},
    {"[", "JSON text"},
};

bool IsTextByte(unsigned char c) {
  return (c >= ' ' && c != 0x7f) || c == '\t' || c == '\n' || c == '\r';
}

}  // namespace

std::string ReadFirstBytes(int fd) {
  std::string bytes(kFirstBytes, '\0');
  size_t count = 0;
  while (count < bytes.size()) {
    const ssize_t got =
        ::pread(fd, bytes.data() + count, bytes.size() - count, count);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    count += got;
  }
  bytes.resize(count);
  return bytes;
}

std::string NameContent(absl::string_view first_bytes) {
  if (first_bytes.empty()) return "nothing";
  for (const Beginning& known : kBinary) {
    if (absl::StartsWith(first_bytes, known.bytes)) {
      return std::string(known.name);
    }
  }
  if (!std::all_of(first_bytes.begin(), first_bytes.end(), IsTextByte)) {
    return "binary data";
  }
  absl::string_view text = first_bytes;
  absl::ConsumePrefix(&text, "\xef\xbb\xbf");
  text = absl::StripLeadingAsciiWhitespace(text);
  for (const Beginning& known : kText) {
    if (absl::StartsWithIgnoreCase(text, known.bytes)) {
      return std::string(known.name);
    }
  }
  return "text";
}

std::string NameFile(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return file.valid() ? NameContent(ReadFirstBytes(file.get())) : "";
}

}  // namespace hubd
