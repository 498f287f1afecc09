#include "server/store/index_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "server/base/unique_fd.h"

namespace hubd {
namespace {

constexpr size_t kMaxKept = 3;

// The index first: alone, a log or a journal is of no effect, since SQLite
// removes it when it makes an index; an index without its log is an older one,
// in which trust that was taken away is still there.
constexpr absl::string_view kSuffixes[] = {"", "-wal", "-journal"};

// What is empty is worth none of the places that there are for those kept.
absl::Status Keep(const std::string& from, const std::string& to) {
  struct stat info;
  if (::stat(from.c_str(), &info) == 0 && info.st_size == 0) {
    return RemoveAll(from);
  }
  if (std::rename(from.c_str(), to.c_str()) == 0 || errno == ENOENT) {
    return absl::OkStatus();
  }
  return ErrnoError(errno, absl::StrCat("cannot rename ", from, " to ", to));
}

absl::Status ReadToTheEnd(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    if (errno == ENOENT) return absl::OkStatus();
    return ErrnoError(errno, absl::StrCat("cannot open ", path));
  }
  std::vector<char> buffer(1 << 20);
  while (true) {
    const ssize_t count = ::read(fd.get(), buffer.data(), buffer.size());
    if (count == 0) return absl::OkStatus();
    if (count < 0) return ErrnoError(errno, absl::StrCat("cannot read ", path));
  }
}

absl::Status RemoveOldest(const Layout& layout) {
  const std::string prefix = layout.BrokenIndex("");
  HUBD_ASSIGN_OR_RETURN(std::vector<std::string> names,
                        ListDirectory(layout.store()));
  std::set<std::string> kept;
  for (const std::string& name : names) {
    const std::string path = absl::StrCat(layout.store(), "/", name);
    absl::string_view when = path;
    if (!absl::ConsumePrefix(&when, prefix)) continue;
    kept.insert(std::string(when.substr(0, when.find('-'))));
  }
  while (kept.size() > kMaxKept) {
    for (absl::string_view suffix : kSuffixes) {
      HUBD_RETURN_IF_ERROR(
          RemoveAll(absl::StrCat(layout.BrokenIndex(*kept.begin()), suffix)));
    }
    kept.erase(kept.begin());
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckIndexIsThere(const Layout& layout) {
  struct stat info;
  if (::stat(layout.index().c_str(), &info) != 0) {
    if (errno != ENOENT) {
      return ErrnoError(errno, absl::StrCat("cannot look at ", layout.index()));
    }
    return absl::DataLossError(
        absl::StrCat("index ", layout.index(), ": it is not there"));
  }
  if (info.st_size > 0) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("index ", layout.index(), ": it is empty"));
}

absl::Status CheckIndexIsReadable(const Layout& layout) {
  for (absl::string_view suffix : kSuffixes) {
    HUBD_RETURN_IF_ERROR(ReadToTheEnd(absl::StrCat(layout.index(), suffix)));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> SetIndexAside(const Layout& layout,
                                          absl::Time now) {
  std::string kept = layout.BrokenIndex(
      absl::FormatTime("%Y%m%dT%H%M%E6S", now, absl::UTCTimeZone()));
  for (absl::string_view suffix : kSuffixes) {
    HUBD_RETURN_IF_ERROR(
        Keep(absl::StrCat(layout.index(), suffix), absl::StrCat(kept, suffix)));
  }
  // It holds nothing that the others do not.
  HUBD_RETURN_IF_ERROR(RemoveAll(absl::StrCat(layout.index(), "-shm")));
  HUBD_RETURN_IF_ERROR(SyncDirectory(layout.store()));
  HUBD_RETURN_IF_ERROR(RemoveOldest(layout));
  return kept;
}

}  // namespace hubd
