#include "server/fetch/archive.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/status.h"
#include "server/base/text.h"
#include "server/fetch/archive_reader.h"
#include "server/fetch/gzip_reader.h"
#include "server/fetch/member_path.h"
#include "server/fetch/tar_scanner.h"
#include "server/fetch/tree_writer.h"

namespace hubd {
namespace {

// Of a zip's members together, as they are sent: a reply may have 4 MB.
constexpr size_t kMaxZipNames = 3 << 20;
// What each name costs beside its bytes.
constexpr size_t kNameOverhead = 4;

// Reads what is left of a member that is not written: it costs as much as one
// that is.
absl::Status Drop(const ByteSource& content, UnpackMeter& meter) {
  std::array<char, 16 * 1024> scrap;
  while (true) {
    HUBD_ASSIGN_OR_RETURN(const size_t count,
                          content(scrap.data(), scrap.size()));
    if (count == 0) return absl::OkStatus();
    HUBD_RETURN_IF_ERROR(meter.CountUnpacked(static_cast<int64_t>(count)));
  }
}

// The one folder that all members of a tree lie in. Thread-compatible.
class TopFolder {
 public:
  // The path below it, empty for the folder itself.
  absl::StatusOr<std::string> Strip(const std::string& path, bool is_folder) {
    const size_t slash = path.find('/');
    const absl::string_view top = absl::string_view(path).substr(0, slash);
    if (slash == std::string::npos && !is_folder) {
      return BadMember(path, "it lies beside the top folder, not in it");
    }
    if (name_.empty()) name_ = std::string(top);
    if (top != name_) {
      return BadMember(
          path, absl::StrCat("a second top folder, after ", ShownName(name_)));
    }
    return slash == std::string::npos ? std::string() : path.substr(slash + 1);
  }

  bool found() const { return !name_.empty(); }

 private:
  std::string name_;
};

// What `gzip` gives, looked at by `scanner`. Both must outlive it.
ByteSource Scanned(GzipReader& gzip, TarScanner& scanner) {
  return [&](char* buffer, size_t size) -> absl::StatusOr<size_t> {
    HUBD_ASSIGN_OR_RETURN(const size_t count, gzip.Read(buffer, size));
    HUBD_RETURN_IF_ERROR(scanner.Scan({buffer, count}));
    return count;
  };
}

// That of the member that the reader is at.
ByteSource ContentOf(ArchiveReader& reader) {
  return [&reader](char* buffer, size_t size) {
    return reader.Read(buffer, size);
  };
}

// Adds to the bytes that the names of a zip's members take in a reply.
absl::Status CountName(const std::string& name, size_t& bytes) {
  bytes += CleanText(name).size() + kNameOverhead;
  return bytes <= kMaxZipNames
             ? absl::OkStatus()
             : ReasonError(Reason::kBadArchive,
                           "the names of the zip archive's members are over 3 "
                           "MiB together, more than one reply can hold");
}

// Writes a member, below `top` if the archive has one. False where it is
// dropped.
absl::StatusOr<bool> AddMember(const ArchiveMember& member,
                               const ByteSource& content, TopFolder* top,
                               TreeWriter& writer, UnpackMeter& meter) {
  HUBD_RETURN_IF_ERROR(meter.CountEntry());
  HUBD_ASSIGN_OR_RETURN(std::string path, CheckedMemberPath(member.name));
  if (IsGitMember(path)) {
    HUBD_RETURN_IF_ERROR(Drop(content, meter));
    return false;
  }
  const bool is_folder = member.type == ArchiveMember::Type::kFolder;
  if (top != nullptr) {
    HUBD_ASSIGN_OR_RETURN(path, top->Strip(path, is_folder));
  }
  switch (member.type) {
    case ArchiveMember::Type::kFolder:
      if (!path.empty()) HUBD_RETURN_IF_ERROR(writer.AddFolder(path));
      break;
    case ArchiveMember::Type::kFile:
      HUBD_RETURN_IF_ERROR(writer.AddFile(path, member.executable, content));
      break;
    case ArchiveMember::Type::kSymlink:
      HUBD_RETURN_IF_ERROR(writer.AddLink(path, member.link_target));
      break;
    case ArchiveMember::Type::kHardLink:
      HUBD_ASSIGN_OR_RETURN(std::string from,
                            CheckedMemberPath(member.link_target));
      if (top != nullptr) {
        HUBD_ASSIGN_OR_RETURN(from, top->Strip(from, /*is_folder=*/false));
      }
      HUBD_RETURN_IF_ERROR(writer.AddCopy(path, from));
      break;
  }
  return true;
}

}  // namespace

absl::StatusOr<UnpackedTree> UnpackTree(const ByteSource& source,
                                        const std::string& dir,
                                        UnpackMeter& meter) {
  GzipReader gzip([&](char* buffer, size_t size) -> absl::StatusOr<size_t> {
    HUBD_RETURN_IF_ERROR(meter.CountCompressed(0));
    HUBD_ASSIGN_OR_RETURN(const size_t count, source(buffer, size));
    HUBD_RETURN_IF_ERROR(meter.CountCompressed(static_cast<int64_t>(count)));
    return count;
  });
  TarScanner scanner;
  HUBD_ASSIGN_OR_RETURN(const std::unique_ptr<ArchiveReader> reader,
                        ArchiveReader::OpenTar(Scanned(gzip, scanner)));
  const ByteSource content = ContentOf(*reader);
  HUBD_ASSIGN_OR_RETURN(const std::unique_ptr<TreeWriter> writer,
                        TreeWriter::Open(dir, &meter));
  TopFolder top;
  MissingContent missing;
  while (true) {
    HUBD_ASSIGN_OR_RETURN(const std::optional<ArchiveMember> member,
                          reader->Next());
    if (!member) break;
    const std::string path = member->name.substr(member->name.find('/') + 1);
    HUBD_RETURN_IF_ERROR(
        AddMember(*member, missing.Watch(path, content), &top, *writer, meter)
            .status());
  }
  if (!top.found()) {
    return ReasonError(Reason::kBadArchive, "the archive has no top folder");
  }
  UnpackedTree tree;
  HUBD_ASSIGN_OR_RETURN(tree.warnings, writer->Finish());
  missing.End();
  tree.lfs_files = missing.lfs_files();
  tree.has_submodules = missing.has_submodules();
  tree.detours = writer->detours();
  tree.size_bytes = writer->size_bytes();
  tree.entry_count = writer->entry_count();
  tree.commit = scanner.commit();
  return tree;
}

absl::StatusOr<UnpackedZip> UnpackZip(int fd, const std::string& dir,
                                      const ArchiveLimits& limits,
                                      std::stop_token stop,
                                      Space::Reservation room) {
  UnpackMeter meter(limits, std::move(stop), std::move(room));
  struct stat info;
  if (fstat(fd, &info) != 0) {
    return ErrnoError(errno, "cannot look at the zip archive");
  }
  HUBD_RETURN_IF_ERROR(meter.CountCompressed(info.st_size));
  HUBD_ASSIGN_OR_RETURN(const std::unique_ptr<ArchiveReader> reader,
                        ArchiveReader::OpenZip(fd));
  const ByteSource content = ContentOf(*reader);
  HUBD_ASSIGN_OR_RETURN(const std::unique_ptr<TreeWriter> writer,
                        TreeWriter::Open(dir, &meter));
  UnpackedZip zip;
  size_t name_bytes = 0;
  while (true) {
    HUBD_ASSIGN_OR_RETURN(const std::optional<ArchiveMember> member,
                          reader->Next());
    if (!member) break;
    HUBD_ASSIGN_OR_RETURN(
        const bool added,
        AddMember(*member, content, /*top=*/nullptr, *writer, meter));
    if (!added) continue;
    HUBD_RETURN_IF_ERROR(CountName(member->name, name_bytes));
    zip.members.push_back(member->name);
    if (member->type == ArchiveMember::Type::kFolder &&
        !absl::EndsWith(member->name, "/")) {
      zip.members.back().push_back('/');
    }
  }
  HUBD_RETURN_IF_ERROR(writer->Finish().status());
  zip.size_bytes = writer->size_bytes();
  return zip;
}

bool LooksLikeZip(int fd) {
  std::array<char, 4> magic;
  if (pread(fd, magic.data(), magic.size(), 0) !=
      static_cast<ssize_t>(magic.size())) {
    return false;
  }
  const absl::string_view begin(magic.data(), magic.size());
  return begin == absl::string_view("PK\3\4", 4) ||
         begin == absl::string_view("PK\5\6", 4);
}

}  // namespace hubd
