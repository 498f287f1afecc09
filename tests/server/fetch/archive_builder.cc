#include "tests/server/fetch/archive_builder.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <zlib.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/base/status.h"

namespace hubd {
namespace {

constexpr size_t kBlock = 512;
constexpr int kGzip = 16;

std::string Padded(std::string bytes) {
  bytes.resize((bytes.size() + kBlock - 1) / kBlock * kBlock);
  return bytes;
}

// Little-endian.
std::string Int(uint32_t value, int size) {
  std::string bytes;
  for (int i = 0; i < size; ++i) {
    bytes.push_back(static_cast<char>(value >> (8 * i)));
  }
  return bytes;
}

// What a local header and a central one have in common.
std::string ZipFields(const ZipMember& member) {
  const auto size = static_cast<uint32_t>(member.content.size());
  const auto* data = reinterpret_cast<const Bytef*>(member.content.data());
  return absl::StrCat(Int(20, 2), Int(member.utf8 ? 0x800 : 0, 2), Int(0, 2),
                      Int(0, 4), Int(crc32(0, data, size), 4), Int(size, 4),
                      Int(size, 4), Int(member.name.size(), 2), Int(0, 2));
}

}  // namespace

std::string TarHeader(const std::string& name, char type, size_t size, int mode,
                      const std::string& link) {
  std::string block(kBlock, '\0');
  const auto put = [&block](size_t at, const std::string& text, size_t room) {
    block.replace(at, std::min(text.size(), room), text, 0, room);
  };
  put(0, name, 100);
  put(100, absl::StrFormat("%07o", mode), 8);
  put(108, "0000000", 8);
  put(116, "0000000", 8);
  put(124, absl::StrFormat("%011o", size), 12);
  put(136, "00000000000", 12);
  put(148, "        ", 8);
  block[156] = type;
  put(157, link, 100);
  put(257, std::string("ustar\00000", 8), 8);
  int sum = 0;
  for (const char byte : block) sum += static_cast<unsigned char>(byte);
  put(148, absl::StrFormat("%06o", sum) + '\0', 7);
  return block;
}

std::string TarFile(const std::string& name, const std::string& content,
                    int mode) {
  return TarHeader(name, '0', content.size(), mode) + Padded(content);
}

std::string TarFolder(const std::string& name) {
  return TarHeader(name, '5', 0, 0775);
}

std::string TarLink(const std::string& name, const std::string& target) {
  return TarHeader(name, '2', 0, 0777, target);
}

std::string TarExtension(char type, const std::string& body) {
  return TarHeader("extension", type, body.size()) + Padded(body);
}

std::string PaxRecord(const std::string& key, const std::string& value) {
  const size_t rest = key.size() + value.size() + 3;
  size_t size = rest;
  while (std::to_string(size).size() + rest != size) {
    size = std::to_string(size).size() + rest;
  }
  return absl::StrCat(size, " ", key, "=", value, "\n");
}

std::string TarEnd() { return std::string(2 * kBlock, '\0'); }

std::string Gzip(const std::string& bytes) {
  z_stream stream = {};
  HUBD_CHECK(deflateInit2(&stream, 9, Z_DEFLATED, MAX_WBITS + kGzip, 8,
                          Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in =
      reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // NOLINT
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  HUBD_CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string Zip(const std::vector<ZipMember>& members) {
  std::string zip;
  std::string central;
  for (const ZipMember& member : members) {
    const auto offset = static_cast<uint32_t>(zip.size());
    const std::string fields = ZipFields(member);
    absl::StrAppend(&zip, "PK\3\4", fields, member.name, member.content);
    // 3 is Unix: the mode is in the upper half of the attributes.
    absl::StrAppend(&central, "PK\1\2", Int(20 | 3 << 8, 2), fields, Int(0, 2),
                    Int(0, 2), Int(0, 2), Int(member.mode << 16, 4),
                    Int(offset, 4), member.name);
  }
  const auto offset = static_cast<uint32_t>(zip.size());
  const auto size = static_cast<uint32_t>(central.size());
  return absl::StrCat(zip, central, "PK\5\6", Int(0, 4), Int(members.size(), 2),
                      Int(members.size(), 2), Int(size, 4), Int(offset, 4),
                      Int(0, 2));
}

ByteSource SourceOf(std::string bytes, size_t piece) {
  return [bytes = std::move(bytes), piece, at = size_t{0}](
             char* buffer, size_t size) mutable -> absl::StatusOr<size_t> {
    const size_t count = std::min({size, piece, bytes.size() - at});
    bytes.copy(buffer, count, at);
    at += count;
    return count;
  };
}

std::string MakeTempDirectory() {
  std::string path = ::testing::TempDir() + "/archive.XXXXXX";
  HUBD_CHECK(mkdtemp(path.data()) != nullptr);
  return path;
}

}  // namespace hubd
