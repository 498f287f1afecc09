#include "server/fetch/archive_reader.h"

#include <archive.h>
#include <archive_entry.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/status.h"
#include "server/fetch/member_path.h"

namespace hubd {
namespace {

constexpr size_t kBlockBytes = 64 * 1024;
// Of zeros behind a tar archive; GNU tar writes up to 10 KiB.
constexpr size_t kMaxTrailingBytes = 1 << 20;

// libarchive converts names that are UTF-8 to the thread's locale, and in one
// of UTF-8 still composes their letters. Where it cannot convert, the tar
// reader gives the name's bytes, with a warning, and the zip reader loses it.
// So a tar is read in the C locale, where nothing but ASCII converts, and a zip
// in one of UTF-8.
constexpr char kTarLocale[] = "C";
constexpr char kZipLocale[] = "C.UTF-8";

class ScopedLocale {
 public:
  explicit ScopedLocale(locale_t locale) : previous_(uselocale(locale)) {}
  ~ScopedLocale() { uselocale(previous_); }
  ScopedLocale(const ScopedLocale&) = delete;
  ScopedLocale& operator=(const ScopedLocale&) = delete;

 private:
  const locale_t previous_;
};

absl::string_view TextOrEmpty(const char* text) {
  return text != nullptr ? text : "";
}

}  // namespace

void ArchiveReader::FreeArchive::operator()(archive* handle) const {
  archive_read_free(handle);
}

void ArchiveReader::FreeLocale::operator()(locale_t locale) const {
  freelocale(locale);
}

ArchiveReader::ArchiveReader(const char* locale)
    : handle_(archive_read_new()),
      locale_(newlocale(LC_CTYPE_MASK, locale, nullptr)) {
  HUBD_CHECK(handle_ != nullptr && locale_ != nullptr);
}

ArchiveReader::~ArchiveReader() = default;

absl::StatusOr<std::unique_ptr<ArchiveReader>> ArchiveReader::OpenTar(
    ByteSource source) {
  std::unique_ptr<ArchiveReader> reader(new ArchiveReader(kTarLocale));
  reader->source_ = std::move(source);
  reader->block_.resize(kBlockBytes);
  const auto read = [](archive*, void* self, const void** block) -> la_ssize_t {
    auto* const reader = static_cast<ArchiveReader*>(self);
    const absl::StatusOr<size_t> count =
        reader->source_(reader->block_.data(), reader->block_.size());
    reader->source_status_ = count.status();
    *block = reader->block_.data();
    return count.ok() ? static_cast<la_ssize_t>(*count) : -1;
  };
  archive* const handle = reader->handle_.get();
  const bool open = archive_read_support_format_tar(handle) == ARCHIVE_OK &&
                    archive_read_open(handle, reader.get(), nullptr, read,
                                      nullptr) == ARCHIVE_OK;
  HUBD_RETURN_IF_ERROR(reader->source_status_);
  if (!open) return reader->Damaged();
  return reader;
}

absl::StatusOr<std::unique_ptr<ArchiveReader>> ArchiveReader::OpenZip(int fd) {
  if (lseek(fd, 0, SEEK_SET) != 0) {
    return ErrnoError(errno, "cannot rewind the zip archive");
  }
  std::unique_ptr<ArchiveReader> reader(new ArchiveReader(kZipLocale));
  archive* const handle = reader->handle_.get();
  if (archive_read_support_format_zip_seekable(handle) != ARCHIVE_OK ||
      archive_read_open_fd(handle, fd, kBlockBytes) != ARCHIVE_OK) {
    return reader->Damaged();
  }
  return reader;
}

absl::Status ArchiveReader::Damaged() const {
  const char* text = archive_error_string(handle_.get());
  return ReasonError(
      Reason::kBadArchive,
      absl::StrCat("the archive is damaged: ",
                   text != nullptr ? text : "a header ends too early"));
}

absl::StatusOr<std::optional<ArchiveMember>> ArchiveReader::Next() {
  const ScopedLocale locale(locale_.get());
  archive_entry* entry = nullptr;
  const int result = archive_read_next_header(handle_.get(), &entry);
  HUBD_RETURN_IF_ERROR(source_status_);
  if (result == ARCHIVE_EOF) {
    HUBD_RETURN_IF_ERROR(DrainSource());
    return std::nullopt;
  }
  // The one warning that is none here: a name that does not convert.
  const bool kept_bytes = source_ != nullptr && result == ARCHIVE_WARN &&
                          archive_errno(handle_.get()) == EILSEQ;
  if (result != ARCHIVE_OK && !kept_bytes) return Damaged();
  return MemberOf(entry);
}

absl::StatusOr<ArchiveMember> ArchiveReader::MemberOf(
    archive_entry* entry) const {
  ArchiveMember member;
  member.name = std::string(TextOrEmpty(archive_entry_pathname(entry)));
  member.executable = (archive_entry_perm(entry) & 0100) != 0;
  const char* const hard_link = archive_entry_hardlink(entry);
  const auto type = archive_entry_filetype(entry);
  if (hard_link != nullptr) {
    member.type = ArchiveMember::Type::kHardLink;
    member.link_target = hard_link;
  } else if (type == AE_IFLNK) {
    member.type = ArchiveMember::Type::kSymlink;
    member.link_target = std::string(TextOrEmpty(archive_entry_symlink(entry)));
  } else if (type == AE_IFDIR ||
             (type == AE_IFREG && absl::EndsWith(member.name, "/"))) {
    member.type = ArchiveMember::Type::kFolder;
  } else if (type == AE_IFCHR || type == AE_IFBLK) {
    return BadMember(member.name, "it is a device");
  } else if (type == AE_IFIFO) {
    return BadMember(member.name, "it is a fifo");
  } else if (type != AE_IFREG) {
    return BadMember(member.name, "it is neither file, folder nor link");
  }
  // In a zip the content of a link is its target.
  if (member.type != ArchiveMember::Type::kFile && source_ != nullptr &&
      archive_entry_size(entry) > 0) {
    return BadMember(member.name, "it has content but is no file");
  }
  if (archive_entry_sparse_count(entry) > 0) {
    return BadMember(member.name, "it is a sparse file");
  }
  return member;
}

absl::StatusOr<size_t> ArchiveReader::Read(char* buffer, size_t size) {
  const la_ssize_t count = archive_read_data(handle_.get(), buffer, size);
  HUBD_RETURN_IF_ERROR(source_status_);
  if (count < 0) return Damaged();
  return static_cast<size_t>(count);
}

absl::Status ArchiveReader::DrainSource() {
  if (source_ == nullptr) return absl::OkStatus();
  for (size_t bytes = 0; bytes <= kMaxTrailingBytes;) {
    HUBD_ASSIGN_OR_RETURN(const size_t count,
                          source_(block_.data(), block_.size()));
    if (count == 0) return absl::OkStatus();
    bytes += count;
  }
  return ReasonError(Reason::kBadArchive,
                     "the archive is damaged: something follows its end");
}

}  // namespace hubd
