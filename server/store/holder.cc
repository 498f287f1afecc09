#include "server/store/holder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/base/fs.h"
#include "server/base/status.h"

namespace hubd {
namespace {

absl::Status HeldError(const Layout& layout) {
  std::string who = "another hubd";
  if (absl::StatusOr<Holder> holder = HolderOf(layout); holder.ok()) {
    who = absl::StrCat(
        "another hubd, pid ", holder->pid, " on host ", holder->host,
        holder->socket.empty() ? ", which does not listen yet"
                               : absl::StrCat(", socket ", holder->socket));
  }
  return absl::FailedPreconditionError(
      absl::StrCat("the root ", layout.root(), " is held by ", who,
                   ": stop that one or choose another root with --dir"));
}

}  // namespace

absl::StatusOr<Holder> HolderOf(const Layout& layout) {
  HUBD_ASSIGN_OR_RETURN(std::string content, ReadFile(layout.lock()));
  std::string line = content.substr(0, content.find('\n'));
  std::vector<std::string> parts =
      absl::StrSplit(line, absl::MaxSplits(' ', 2));
  Holder holder;
  if (parts.size() != 3 || !absl::SimpleAtoi(parts[0], &holder.pid)) {
    return absl::NotFoundError(
        absl::StrCat(layout.lock(), " does not say who holds it"));
  }
  holder.host = parts[1];
  if (parts[2] != "-") holder.socket = parts[2];
  return holder;
}

absl::StatusOr<UniqueFd> TakeLock(const Layout& layout,
                                  const std::string& socket) {
  UniqueFd fd(
      ::open(layout.lock().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.valid()) {
    return ErrnoError(errno, absl::StrCat("cannot open ", layout.lock()));
  }
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return HeldError(layout);
    return ErrnoError(errno, absl::StrCat("cannot lock ", layout.lock()));
  }
  if (!LeadsTo(layout.lock(), fd.get())) {
    return absl::UnavailableError(absl::StrCat(
        layout.root(), " was removed or replaced while hubd opened it"));
  }
  HUBD_RETURN_IF_ERROR(WriteHolder(fd.get(), socket, layout));
  return fd;
}

// In place, since LOCK must stay the file that is locked; shortened only after
// the write, so that who reads meanwhile finds a first line.
absl::Status WriteHolder(int lock, const std::string& socket,
                         const Layout& layout) {
  std::array<char, 256> host = {};
  ::gethostname(host.data(), host.size() - 1);
  std::string line = absl::StrCat(::getpid(), " ", host.data(), " ",
                                  socket.empty() ? "-" : socket, "\n");
  if (::pwrite(lock, line.data(), line.size(), 0) ==
          static_cast<ssize_t>(line.size()) &&
      ::ftruncate(lock, line.size()) == 0) {
    return absl::OkStatus();
  }
  return ErrnoError(errno, absl::StrCat("cannot write ", layout.lock()));
}

}  // namespace hubd
