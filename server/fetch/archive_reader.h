// Reads the members of a tar stream or of a zip file: libarchive, caged.

#ifndef HUBD_SERVER_FETCH_ARCHIVE_READER_H_
#define HUBD_SERVER_FETCH_ARCHIVE_READER_H_

#include <locale.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/fetch/byte_source.h"

struct archive;
struct archive_entry;

namespace hubd {

// One member. Names are the archive's bytes, unchecked, whatever the process's
// locale, but end at a NUL: what comes before it is the name.
struct ArchiveMember {
  enum class Type { kFile, kFolder, kSymlink, kHardLink };
  Type type = Type::kFile;
  std::string name;
  std::string link_target;
  bool executable = false;
};

// Its own errors are BAD_ARCHIVE: damage, and members that are no Type above
// (devices, fifos, sparse files), named with the reason. Nothing goes on after
// an error. Thread-compatible; next to it the thread's locale is as it was.
class ArchiveReader {
 public:
  // A tar stream: ustar, pax and GNU's. Errors of `source` are returned as they
  // are. Types that POSIX does not know are files, as it asks for.
  static absl::StatusOr<std::unique_ptr<ArchiveReader>> OpenTar(
      ByteSource source);

  // The zip file open at `fd`, which must outlive the reader and whose position
  // moves. Names that are marked as UTF-8 must be it, and are given composed
  // (NFC).
  static absl::StatusOr<std::unique_ptr<ArchiveReader>> OpenZip(int fd);

  ~ArchiveReader();
  ArchiveReader(const ArchiveReader&) = delete;
  ArchiveReader& operator=(const ArchiveReader&) = delete;

  // The next member, past what is unread of this one; nullopt at the end of the
  // archive, after which a tar's source has been read to its end.
  absl::StatusOr<std::optional<ArchiveMember>> Next();

  // At most `size` bytes of the member that Next gave; 0 at its end.
  absl::StatusOr<size_t> Read(char* buffer, size_t size);

 private:
  struct FreeArchive {
    void operator()(archive* handle) const;
  };
  struct FreeLocale {
    void operator()(locale_t locale) const;
  };

  explicit ArchiveReader(const char* locale);

  absl::Status Damaged() const;
  absl::StatusOr<ArchiveMember> MemberOf(archive_entry* entry) const;
  // Reads what follows a tar's end.
  absl::Status DrainSource();

  const std::unique_ptr<archive, FreeArchive> handle_;
  const std::unique_ptr<__locale_struct, FreeLocale> locale_;

  // Of a tar; no source where it is a zip.
  ByteSource source_;
  std::vector<char> block_;
  absl::Status source_status_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_ARCHIVE_READER_H_
