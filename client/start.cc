#include "client/start.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "client/environment.h"
#include "client/root.h"
#include "server/base/status.h"
#include "server/base/text.h"
#include "server/base/thread.h"
#include "server/base/unique_fd.h"

namespace hubd {
namespace {

constexpr int kReadyFd = 3;
constexpr size_t kMaxLine = 8192;
constexpr size_t kLogLines = 20;
constexpr int64_t kLogBytes = 16384;

// What the daemon finds open and how signals stand, so that it keeps nothing
// of the client: neither its terminal nor its pipes nor a blocked signal.
class SpawnSettings {
 public:
  explicit SpawnSettings(int ready) {
    posix_spawn_file_actions_init(&files_);
    // First, because `ready` may be one of the numbers that follow.
    posix_spawn_file_actions_adddup2(&files_, ready, kReadyFd);
    posix_spawn_file_actions_addopen(&files_, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files_, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&files_, 2, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(&files_, kReadyFd + 1);
    posix_spawn_file_actions_addchdir_np(&files_, "/");
    posix_spawnattr_init(&attributes_);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSID |
                                               POSIX_SPAWN_SETSIGMASK |
                                               POSIX_SPAWN_SETSIGDEF);
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&files_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  const posix_spawn_file_actions_t* files() const { return &files_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t files_;
  posix_spawnattr_t attributes_;
};

absl::StatusOr<std::vector<std::string>> DaemonEnvironment() {
  std::vector<std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    absl::string_view variable = *entry;
    if (absl::StartsWith(variable, "HUBD_READY_FD=")) continue;
    // The daemon runs in "/".
    if (absl::ConsumePrefix(&variable, "HUBD_CONFIG=") && !variable.empty()) {
      std::error_code error;
      const std::filesystem::path path =
          std::filesystem::absolute(std::string(variable), error);
      if (error) {
        return absl::FailedPreconditionError(absl::StrCat(
            "cannot find HUBD_CONFIG, ", variable,
            ", from the working directory: ", error.message(),
            "; change to a directory that is there, or make it absolute"));
      }
      variables.push_back(absl::StrCat("HUBD_CONFIG=", path.native()));
    } else {
      variables.emplace_back(*entry);
    }
  }
  variables.push_back(absl::StrCat("HUBD_READY_FD=", kReadyFd));
  return variables;
}

// The form that posix_spawn wants; valid as long as `strings`.
std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& text : strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

absl::Status Spawn(const std::string& program, const std::string& root,
                   int ready) {
  const SpawnSettings settings(ready);
  std::vector<std::string> arguments = {program, "--dir", root};
  HUBD_ASSIGN_OR_RETURN(std::vector<std::string> environment,
                        DaemonEnvironment());
  pid_t pid = 0;
  const int error = ::posix_spawn(
      &pid, program.c_str(), settings.files(), settings.attributes(),
      Pointers(arguments).data(), Pointers(environment).data());
  if (error != 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot start ", program, ": ", std::strerror(error),
                     "; set HUBD_DAEMON to the program hubd"));
  }
  // The daemon outlives this call, and somebody must collect it when it ends.
  // Where there is no thread to do it, the kernel does after our own end.
  absl::StatusOr<std::jthread> collector = StartThread([pid] {
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
  });
  if (collector.ok()) collector->detach();
  return absl::OkStatus();
}

// Reads up to a newline or the end.
absl::StatusOr<std::string> ReadLine(int fd, const CallLimit& limit) {
  std::string line;
  while (line.size() < kMaxLine) {
    HUBD_RETURN_IF_ERROR(limit.Check());
    struct pollfd waiting = {fd, POLLIN, 0};
    // Short, so that the limit is seen.
    if (::poll(&waiting, 1, 50) <= 0) continue;
    char byte = 0;
    const ssize_t count = ::read(fd, &byte, 1);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoError(errno, "cannot read hubd's word");
    if (count == 0 || byte == '\n') break;
    line += byte;
  }
  return line;
}

}  // namespace

StartReport ParseStartReport(absl::string_view line) {
  using Kind = StartReport::Kind;
  if (absl::ConsumePrefix(&line, "ready ")) {
    return {Kind::kReady, std::string(line), ""};
  }
  if (absl::ConsumePrefix(&line, "held ")) {
    return {Kind::kHeld, "", std::string(line)};
  }
  if (absl::ConsumePrefix(&line, "error ")) {
    return {Kind::kError, "", std::string(line)};
  }
  if (line.empty()) return {};
  return {Kind::kOther, "", std::string(line)};
}

bool IsProgram(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_regular_file(path, error) &&
         ::access(path.c_str(), X_OK) == 0;
}

absl::StatusOr<std::string> FindDaemonProgram() {
  const std::string named = EnvironmentOrEmpty("HUBD_DAEMON");
  if (!named.empty()) {
    // The daemon's working directory is another one.
    std::error_code error;
    std::string path = std::filesystem::absolute(named, error).string();
    if (!error) return path;
    return absl::UnavailableError(
        absl::StrCat("HUBD_DAEMON names ", CleanLine(named),
                     ", and the working directory cannot be told (",
                     error.message(), "); set it to an absolute path"));
  }
  std::error_code error;
  const std::filesystem::path self =
      std::filesystem::read_symlink("/proc/self/exe", error);
  std::vector<std::string> folders = {self.parent_path().string()};
  for (absl::string_view folder :
       absl::StrSplit(EnvironmentOrEmpty("PATH"), ':')) {
    folders.emplace_back(folder);
  }
  for (const std::string& folder : folders) {
    std::string path = absl::StrCat(folder, "/hubd");
    if (absl::StartsWith(folder, "/") && IsProgram(path)) return path;
  }
  return absl::UnavailableError(
      "hubd is not installed: put it into PATH, or set HUBD_DAEMON to it");
}

absl::StatusOr<StartReport> StartDaemon(const std::string& program,
                                        const std::string& root,
                                        const CallLimit& limit) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    return ErrnoError(errno, "cannot make a pipe");
  }
  const UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  HUBD_RETURN_IF_ERROR(Spawn(program, root, theirs.get()));
  // Else the end of the daemon would not be the end of the pipe.
  theirs.reset();
  HUBD_ASSIGN_OR_RETURN(const std::string line, ReadLine(ours.get(), limit));
  return ParseStartReport(line);
}

std::string EndOfLog(const std::string& root) {
  const std::string path = LogFile(root);
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return " and left no log";
  const int64_t size = ::lseek(fd.get(), 0, SEEK_END);
  std::string end(std::min(std::max<int64_t>(size, 0), kLogBytes), '\0');
  const ssize_t count =
      ::pread(fd.get(), end.data(), end.size(), size - end.size());
  end.resize(std::max<ssize_t>(count, 0));
  std::vector<std::string> lines =
      absl::StrSplit(absl::StripSuffix(end, "\n"), '\n');
  const size_t skipped = lines.size() - std::min(lines.size(), kLogLines);
  lines.erase(lines.begin(), lines.begin() + skipped);
  return absl::StrCat("; the end of ", path, ":\n",
                      CleanText(absl::StrJoin(lines, "\n")));
}

}  // namespace hubd
