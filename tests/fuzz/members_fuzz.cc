// Archives of any members, well formed: their names, links, types and order.
//
// A line is a member, "TYPE NAME|LINK|CONTENT", each part escaped as in C, the
// last ones optional. Types: f a file, x one that can be run, d a folder, l a
// link, h a hard link; in a tar also p and g pax records (NAME=LINK), L and K
// GNU's long names (NAME), and any other letter as the header's own. The same
// members make a tar.gz and a zip.

#include <fcntl.h>
#include <sys/mman.h>

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_split.h"
#include "server/base/status.h"
#include "server/base/unique_fd.h"
#include "server/fetch/archive.h"
#include "tests/fuzz/unpacked_check.h"
#include "tests/server/fetch/archive_builder.h"

namespace hubd {
namespace {

struct Member {
  char type = 'f';
  std::string name;
  std::string link;
  std::string content;
};

std::string Unescaped(absl::string_view text) {
  std::string bytes;
  return absl::CUnescape(text, &bytes) ? bytes : std::string(text);
}

std::vector<Member> MembersOf(absl::string_view text) {
  std::vector<Member> members;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (line.size() < 2) continue;
    std::vector<std::string> parts = absl::StrSplit(line.substr(2), '|');
    parts.resize(3);
    members.push_back({line[0], Unescaped(parts[0]), Unescaped(parts[1]),
                       Unescaped(parts[2])});
  }
  return members;
}

std::string TarMember(const Member& member) {
  switch (member.type) {
    case 'f':
      return TarFile(member.name, member.content);
    case 'x':
      return TarFile(member.name, member.content, 06755);
    case 'd':
      return TarFolder(member.name);
    case 'l':
      return TarLink(member.name, member.link);
    case 'h':
      return TarHeader(member.name, '1', 0, 0644, member.link);
    case 'p':
      return TarExtension('x', PaxRecord(member.name, member.link));
    case 'g':
      return TarExtension('g', PaxRecord(member.name, member.link));
    case 'L':
    case 'K':
      return TarExtension(member.type, member.name + '\0');
    default:
      return TarHeader(member.name, member.type, member.content.size(), 0644,
                       member.link);
  }
}

ZipMember ZipMemberOf(const Member& member) {
  switch (member.type) {
    case 'x':
      return {member.name, member.content, 0104755, true};
    case 'd':
      return {member.name, "", 040755};
    case 'l':
      return {member.name, member.link, 0120777};
    case 'c':
      return {member.name, "", 020666};
    default:
      return {member.name, member.content};
  }
}

void UnpackAsTar(const std::vector<Member>& members) {
  std::string tar;
  for (const Member& member : members) tar += TarMember(member);
  const UnpackedCheck check;
  UnpackMeter meter(kFuzzLimits, std::stop_token());
  const absl::StatusOr<UnpackedTree> tree =
      UnpackTree(SourceOf(Gzip(tar + TarEnd())), check.dir(), meter);
  if (tree.ok()) {
    check.CheckUnpacked(tree->entry_count, tree->size_bytes);
  } else {
    check.CheckRefused(tree.status());
  }
}

void UnpackAsZip(const std::vector<Member>& members) {
  std::vector<ZipMember> zipped;
  for (const Member& member : members) zipped.push_back(ZipMemberOf(member));
  const std::string bytes = Zip(zipped);
  const UniqueFd file(::memfd_create("zip", MFD_CLOEXEC));
  HUBD_CHECK(::write(file.get(), bytes.data(), bytes.size()) ==
             static_cast<ssize_t>(bytes.size()));
  const UnpackedCheck check;
  const absl::StatusOr<UnpackedZip> zip =
      UnpackZip(file.get(), check.dir(), kFuzzLimits, std::stop_token());
  if (zip.ok()) {
    check.CheckUnpackedZip(zip->members, zip->size_bytes);
  } else {
    check.CheckRefused(zip.status());
  }
}

}  // namespace
}  // namespace hubd

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::vector<hubd::Member> members =
      hubd::MembersOf({reinterpret_cast<const char*>(data), size});
  hubd::UnpackAsTar(members);
  hubd::UnpackAsZip(members);
  return 0;
}
