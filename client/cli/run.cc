#include "client/cli/run.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "client/environment.h"
#include "client/interpreter.h"
#include "client/start.h"
#include "server/base/status.h"
#include "server/base/text.h"

namespace hubd {
namespace {

// The rest is the package's: it knows how a Python is made to use hubd. What
// lies in the current directory is left out, as the program's Python does not
// find it there.
constexpr char kBecome[] = R"python(
import sys
sys.path[:] = [path for path in sys.path if path]
try:
    from hubd import _run
except ImportError as error:
    sys.exit("hubctl: %s cannot import hubd (%s): install it there (pip install "
             "hubd), or name the Python that the program uses with --python"
             % (sys.executable, error))
_run.program(sys.argv[1:])
)python";

std::string BaseName(absl::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1));
}

// python, python3, python3.13t
bool IsPython(absl::string_view path) {
  const std::string name = BaseName(path);
  absl::string_view version(name);
  return absl::ConsumePrefix(&version, "python") &&
         version.find_first_not_of("0123456789.t") == absl::string_view::npos;
}

// Where a shell would find the program; empty for nowhere.
std::string FindProgram(const std::string& program) {
  if (absl::StrContains(program, "/")) return program;
  const std::string folders = Environment("PATH").value_or("/bin:/usr/bin");
  for (absl::string_view folder : absl::StrSplit(folders, ':')) {
    const std::string path =
        absl::StrCat(folder.empty() ? "." : folder, "/", program);
    if (IsProgram(path)) return path;
  }
  return "";
}

// The Python in a script's first line; empty where it names none.
std::string PythonOfScript(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return "";
  char begin[256] = {};
  std::ifstream(path).read(begin, sizeof(begin) - 1);
  absl::string_view line(begin);
  line = line.substr(0, line.find('\n'));
  if (!absl::ConsumePrefix(&line, "#!")) return "";
  const std::vector<std::string> words =
      absl::StrSplit(line, absl::ByAnyChar(" \t\r"), absl::SkipEmpty());
  // The second word is what `env` looks for, or an option of the first.
  for (const std::string& word : words) {
    if (IsPython(word)) return word;
  }
  return "";
}

void Set(const char* variable, const std::string& value) {
  ::setenv(variable, value.c_str(), 1);
}

// The program may go to another directory.
absl::Status SetPath(const char* variable, const char* flag,
                     const std::string& path) {
  if (path.empty()) return absl::OkStatus();
  std::error_code error;
  const std::string absolute = std::filesystem::absolute(path, error).string();
  if (error) {
    return absl::FailedPreconditionError(
        absl::StrCat(flag, " ", CleanLine(path),
                     " is relative, and the working directory cannot be told (",
                     error.message(), "); give an absolute path"));
  }
  Set(variable, absolute);
  return absl::OkStatus();
}

absl::Status PassOn(const Arguments& arguments) {
  HUBD_RETURN_IF_ERROR(SetPath("HUBD_HOME", "--dir", arguments.dir));
  HUBD_RETURN_IF_ERROR(SetPath("HUBD_SOCKET", "--socket", arguments.socket));
  if (arguments.offline) Set("HUBD_OFFLINE", "1");
  if (!arguments.progress || arguments.quiet) Set("HUBD_PROGRESS", "0");
  if (arguments.timeout) {
    Set("HUBD_TIMEOUT",
        absl::StrCat(absl::ToInt64Milliseconds(*arguments.timeout), "ms"));
  }
  // The one beside this program, which the Python client does not know.
  absl::StatusOr<std::string> daemon = FindDaemonProgram();
  if (daemon.ok()) Set("HUBD_DAEMON", *daemon);
  return absl::OkStatus();
}

}  // namespace

std::string PythonOf(const std::string& program, const std::string& chosen) {
  if (!chosen.empty()) return chosen;
  if (IsPython(program)) return program;
  const std::string written_for = PythonOfScript(FindProgram(program));
  return written_for.empty() ? FindInterpreter("") : written_for;
}

absl::Status BecomeProgram(const Arguments& arguments) {
  const std::string& program = arguments.program.front();
  const std::string python = PythonOf(program, arguments.python);
  HUBD_RETURN_IF_ERROR(PassOn(arguments));
  std::vector<std::string> words = {python, "-c", kBecome};
  words.insert(words.end(), arguments.program.begin(), arguments.program.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  ::execvp(python.c_str(), pointers.data());
  const int error = errno;
  const std::string text = absl::StrCat(
      "cannot run the Python ", CleanLine(python), ": ", std::strerror(error),
      "; name the one that the program uses with --python");
  return error == ENOENT ? absl::NotFoundError(text)
                         : absl::FailedPreconditionError(text);
}

}  // namespace hubd
