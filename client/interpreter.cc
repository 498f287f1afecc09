#include "client/interpreter.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "client/environment.h"
#include "server/base/status.h"
#include "server/base/text.h"
#include "server/base/unique_fd.h"

namespace hubd {
namespace {

constexpr absl::Duration kLongest = absl::Seconds(30);
constexpr size_t kMaxAnswer = 1 << 20;
constexpr size_t kMaxQuote = 500;

// Marks the answer among what a sitecustomize prints.
constexpr char kMarker[] = "\nhubd-interpreter:";

// Prints how many fields there are and the fields of hubd.v1.Interpreter, each
// ended by a NUL. It is waited for: so it imports only what Python has loaded
// by then.
constexpr char kQuestion[] = R"python(
import os, site, sys
inside = tuple(os.path.join(p, "") for p in (sys.prefix, sys.base_prefix))
found = [p for p in sys.path
         if p not in ("", os.getcwd())
         and not os.path.join(p, "").startswith(inside)]
found += getattr(site, "getsitepackages", list)()
if site.ENABLE_USER_SITE:
    found.append(site.getusersitepackages())
found = [os.path.abspath(p) for p in found if os.path.isdir(p)]
fields = [sys.executable or "", sys.prefix, sys.base_prefix,
          os.environ.get("LD_LIBRARY_PATH", ""), *dict.fromkeys(found)]
try:
    answer = "\0".join([str(len(fields)), *fields, ""]).encode()
except UnicodeEncodeError:
    sys.exit("one of its paths is not UTF-8: " + ascii(fields))
print(flush=True)
os.write(1, b"\nhubd-interpreter:" + answer)
)python";

// What comes before the site directories.
constexpr size_t kFixedFields = 4;

// A child process that is killed and collected when this goes.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  ~Child() {
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

 private:
  const pid_t pid_;
};

// The child's output and its errors go to `output`. Signals are as at a login:
// the caller may have blocked some.
absl::StatusOr<pid_t> Spawn(const std::string& program, int output) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, output, 1);
  posix_spawn_file_actions_adddup2(&files, output, 2);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  std::string words[] = {program, "-c", kQuestion};
  char* arguments[] = {words[0].data(), words[1].data(), words[2].data(),
                       nullptr};
  pid_t pid = 0;
  const int error = ::posix_spawnp(&pid, program.c_str(), &files, &attributes,
                                   arguments, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (error == 0) return pid;
  return absl::FailedPreconditionError(
      absl::StrCat("cannot run the Python ", CleanLine(program), ": ",
                   std::strerror(error), "; name another with --python"));
}

// nullopt where there is no whole answer.
std::optional<v1::Interpreter> ParseAnswer(absl::string_view output) {
  const size_t at = output.find(kMarker);
  if (at == output.npos) return std::nullopt;
  std::vector<std::string> fields =
      absl::StrSplit(output.substr(at + std::strlen(kMarker)), '\0');
  size_t count = 0;
  // The last piece has no NUL behind it.
  if (!absl::SimpleAtoi(fields[0], &count) || count < kFixedFields ||
      count >= fields.size() - 1) {
    return std::nullopt;
  }
  v1::Interpreter interpreter;
  interpreter.set_executable(fields[1]);
  interpreter.set_prefix(fields[2]);
  interpreter.set_base_prefix(fields[3]);
  interpreter.set_ld_library_path(fields[4]);
  for (size_t i = kFixedFields + 1; i <= count; ++i) {
    interpreter.add_site_directories(fields[i]);
  }
  return interpreter;
}

absl::StatusOr<std::string> ReadAnswer(int fd, const CallLimit& limit) {
  std::string answer;
  while (answer.size() < kMaxAnswer) {
    HUBD_RETURN_IF_ERROR(limit.Check());
    struct pollfd waiting = {fd, POLLIN, 0};
    // Short, so that the limit is seen.
    if (::poll(&waiting, 1, 50) <= 0) continue;
    char buffer[4096];
    const ssize_t count = ::read(fd, buffer, sizeof(buffer));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    answer.append(buffer, count);
  }
  return answer;
}

absl::Status NoAnswer(const std::string& program, const std::string& answer) {
  const std::string end =
      answer.substr(answer.size() - std::min(answer.size(), kMaxQuote));
  return absl::FailedPreconditionError(
      absl::StrCat("the Python ", CleanLine(program),
                   " does not say where it is installed; name another with "
                   "--python. It said:\n",
                   CleanText(absl::StripSuffix(end, "\n"))));
}

}  // namespace

std::string FindInterpreter(const std::string& chosen) {
  if (!chosen.empty()) return chosen;
  for (const char* variable : {"VIRTUAL_ENV", "CONDA_PREFIX"}) {
    const std::string prefix = EnvironmentOrEmpty(variable);
    const std::string program = absl::StrCat(prefix, "/bin/python");
    if (!prefix.empty() && ::access(program.c_str(), X_OK) == 0) return program;
  }
  return "python3";
}

absl::StatusOr<v1::Interpreter> DescribeInterpreter(const std::string& program,
                                                    const CallLimit& limit) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    return ErrnoError(errno, "cannot make a pipe");
  }
  const UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  HUBD_ASSIGN_OR_RETURN(const pid_t pid, Spawn(program, theirs.get()));
  const Child child(pid);
  theirs.reset();
  const CallLimit bounded(std::min(kLongest, limit.Left()), limit.cancel());
  absl::StatusOr<std::string> answer = ReadAnswer(ours.get(), bounded);
  if (!answer.ok()) {
    HUBD_RETURN_IF_ERROR(limit.Check());
    return Annotate(answer.status(),
                    absl::StrCat("the Python ", CleanLine(program)));
  }
  std::optional<v1::Interpreter> interpreter = ParseAnswer(*answer);
  if (!interpreter) return NoAnswer(program, *answer);
  return *std::move(interpreter);
}

}  // namespace hubd
