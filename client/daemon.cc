#include "client/daemon.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/environment.h"
#include "client/peer.h"
#include "client/root.h"
#include "client/start.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "server/base/text.h"

namespace hubd {
namespace {

constexpr absl::Duration kStart = absl::Seconds(30);
constexpr absl::Duration kHeld = absl::Seconds(10);
constexpr absl::Duration kPoll = absl::Milliseconds(50);
constexpr size_t kShownWord = 200;

// As ConnectToDaemon; an invalid descriptor where nobody can be reached.
absl::StatusOr<UniqueFd> TryConnect(const std::string& path,
                                    const CallLimit& limit) {
  absl::StatusOr<UniqueFd> fd = ConnectToDaemon(path, limit);
  if (absl::IsNotFound(fd.status())) return UniqueFd();
  return fd;
}

// Connects to where the root's daemon says it listens; an invalid descriptor
// where nobody answers there.
absl::StatusOr<UniqueFd> ConnectByAddress(const std::string& root,
                                          const CallLimit& limit) {
  absl::StatusOr<std::string> content = ReadFile(AddressFile(root));
  if (!content.ok()) return UniqueFd();
  const std::string path = content->substr(0, content->find('\n'));
  if (path.empty()) return UniqueFd();
  return TryConnect(path, limit);
}

absl::StatusOr<UniqueFd> TakeStartLock(const std::string& path,
                                       const CallLimit& limit) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.valid()) return ErrnoError(errno, absl::StrCat("cannot open ", path));
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      return ErrnoError(errno, absl::StrCat("cannot lock ", path));
    }
    HUBD_RETURN_IF_ERROR(limit.Pause(kPoll));
  }
  return fd;
}

// Another daemon has the root: it may be about to listen.
absl::StatusOr<UniqueFd> WaitForHolder(const std::string& root,
                                       const std::string& holder,
                                       const CallLimit& limit) {
  const CallLimit held(std::min(kHeld, limit.Left()), limit.cancel());
  do {
    HUBD_ASSIGN_OR_RETURN(UniqueFd fd, ConnectByAddress(root, limit));
    if (fd.valid()) return fd;
  } while (held.Pause(kPoll).ok());
  HUBD_RETURN_IF_ERROR(limit.Check());
  std::vector<std::string> words = absl::StrSplit(CleanLine(holder), ' ');
  words.resize(std::max<size_t>(words.size(), 3), "-");
  return absl::UnavailableError(absl::StrCat(
      root, " is held by the hubd with pid ", words[0], " on host ", words[1],
      " (socket ", words[2],
      "), which does not answer here: stop it there, or choose another root "
      "with HUBD_HOME"));
}

absl::StatusOr<UniqueFd> Start(const std::string& root,
                               const CallLimit& limit) {
  HUBD_ASSIGN_OR_RETURN(const std::string program, FindDaemonProgram());
  HUBD_ASSIGN_OR_RETURN(const StartReport word,
                        StartDaemon(program, root, limit));
  switch (word.kind) {
    case StartReport::Kind::kReady: {
      HUBD_ASSIGN_OR_RETURN(UniqueFd fd, TryConnect(word.socket, limit));
      if (fd.valid()) return fd;
      break;
    }
    case StartReport::Kind::kHeld:
      return WaitForHolder(root, word.text, limit);
    case StartReport::Kind::kError:
      return absl::UnavailableError(
          absl::StrCat("hubd did not start: ", CleanText(word.text)));
    case StartReport::Kind::kOther:
      return absl::UnavailableError(absl::StrCat(
          program,
          " is not hubd: in place of a word about its start it said \"",
          CleanLine(word.text.substr(0, kShownWord)),
          "\"; set HUBD_DAEMON to the program hubd"));
    case StartReport::Kind::kEnded:
      break;
  }
  return absl::UnavailableError(
      absl::StrCat(program, " ended before it was ready", EndOfLog(root)));
}

absl::StatusOr<UniqueFd> StartOnce(const std::string& root,
                                   const CallLimit& limit) {
  HUBD_ASSIGN_OR_RETURN(const std::string directory, SocketDirectory());
  HUBD_ASSIGN_OR_RETURN(
      const UniqueFd lock,
      TakeStartLock(absl::StrCat(directory, "/", RootKey(root), ".start"),
                    limit));
  // Who had the lock before has started it.
  HUBD_ASSIGN_OR_RETURN(UniqueFd fd, ConnectByAddress(root, limit));
  if (fd.valid()) return fd;
  return Start(root, limit);
}

absl::StatusOr<UniqueFd> BoundedStart(const std::string& root,
                                      const CallLimit& limit) {
  const CallLimit bounded(std::min(kStart, limit.Left()), limit.cancel());
  absl::StatusOr<UniqueFd> fd = StartOnce(root, bounded);
  if (fd.status().code() != absl::StatusCode::kDeadlineExceeded) return fd;
  HUBD_RETURN_IF_ERROR(limit.Check());
  return absl::UnavailableError(
      absl::StrCat("hubd was started for ", root,
                   " but was not ready within 30 s; see ", LogFile(root)));
}

}  // namespace

DaemonPlace PlaceFromEnvironment(const std::string& root) {
  DaemonPlace place;
  place.root = root;
  const std::optional<std::string> socket = Environment("HUBD_SOCKET");
  place.socket = socket.value_or("");
  // Set and empty means: never start one.
  place.autostart =
      !(socket && socket->empty()) && !EnvironmentIsOff("HUBD_AUTOSTART");
  return place;
}

absl::StatusOr<UniqueFd> FindOrStartDaemon(const DaemonPlace& place,
                                           const CallLimit& limit) {
  if (!place.socket.empty()) {
    absl::StatusOr<UniqueFd> fd = ConnectToDaemon(place.socket, limit);
    if (!absl::IsNotFound(fd.status())) return fd;
    return absl::UnavailableError(absl::StrCat(
        "no hubd answers at ", place.socket, " (", fd.status().message(),
        "): start one there, or name no socket (--socket, HUBD_SOCKET)"));
  }
  HUBD_ASSIGN_OR_RETURN(UniqueFd system,
                        TryConnect(place.system_socket, limit));
  if (system.valid()) return system;
  const std::string root = CanonicalPath(place.root);
  HUBD_ASSIGN_OR_RETURN(UniqueFd fd, ConnectByAddress(root, limit));
  if (fd.valid()) return fd;
  if (!place.autostart) {
    return absl::UnavailableError(
        absl::StrCat("no hubd answers for ", root,
                     ", and starting one is switched off (HUBD_AUTOSTART, "
                     "HUBD_SOCKET): run hubd --dir ",
                     root));
  }
  return BoundedStart(root, limit);
}

}  // namespace hubd
