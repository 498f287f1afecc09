#include "server/worker/interpreter.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "server/base/status.h"

namespace hubd {
namespace {

namespace fs = std::filesystem;

// The kernel's own limit for the links of one path.
constexpr int kMaxLinks = 40;

// Whether `path` is `directory` or lies in it.
bool IsWithin(absl::string_view path, absl::string_view directory) {
  return absl::StartsWith(path, directory) &&
         (path.size() == directory.size() || path[directory.size()] == '/');
}

std::vector<std::string> Homes() {
  std::vector<std::string> homes;
  if (const char* home = std::getenv("HOME")) homes.push_back(home);
  if (const passwd* user = ::getpwuid(::getuid())) {
    homes.push_back(user->pw_dir);
  }
  return homes;
}

// Why `path` must not be shown in a sandbox; empty where it may.
std::string Objection(const std::string& path) {
  if (path.empty() || path[0] != '/') return "is not an absolute path";
  if (absl::StrContains(path, '\0')) return "has a NUL in it";
  if (fs::path(path).lexically_normal() != path) return "is not a plain path";
  for (absl::string_view kept :
       {"/proc", "/sys", "/dev", "/etc", kRepoInBox, kHubdInBox}) {
    if (IsWithin(path, kept)) return absl::StrCat("lies in ", kept);
  }
  std::error_code error;
  if (!fs::exists(path, error)) return "is not there";
  const fs::path real = fs::canonical(path, error);
  if (error) return "is not there";
  // Where a link leads counts too. Sockets of the user's services lie in /run.
  for (absl::string_view kept : {"/proc", "/sys", "/dev", "/etc", "/run"}) {
    if (IsWithin(real.native(), kept)) return absl::StrCat("leads to ", kept);
  }
  for (absl::string_view top : {"/", "/home", "/root", "/tmp", "/var"}) {
    if (real == std::string(top)) return "is no installation of Python";
  }
  for (const std::string& home : Homes()) {
    const fs::path real_home = fs::weakly_canonical(home, error);
    if (!home.empty() && IsWithin(real_home.native(), real.native())) {
      return "is a home directory, not an installation of Python";
    }
  }
  return "";
}

// Collects binds at their own paths, none inside another.
class Binds {
 public:
  explicit Binds(SandboxPolicy& policy) : policy_(policy) {}

  bool Shows(absl::string_view path) const {
    // What every sandbox has of the system.
    for (absl::string_view system : {"/usr", "/bin", "/sbin", "/lib", "/lib32",
                                     "/lib64", "/etc/alternatives"}) {
      if (IsWithin(path, system)) return true;
    }
    for (const SandboxPolicy::Bind& bind : policy_.binds) {
      if (IsWithin(path, bind.target)) return true;
    }
    return false;
  }

  void Add(const std::string& path) {
    if (!Shows(path)) policy_.binds.push_back({path, path});
  }

  // Makes a program run under the path that its caller knows, over links that
  // lie outside of what is bound.
  absl::Status AddProgram(const std::string& program);

 private:
  SandboxPolicy& policy_;
};

// Follows the path name by name, as the kernel does.
absl::Status Binds::AddProgram(const std::string& program) {
  int links = 0;
  std::vector<std::string> rest = absl::StrSplit(program, '/');
  std::string at;
  for (size_t i = 0; i < rest.size();) {
    const std::string name = rest[i++];
    if (name.empty() || name == ".") continue;
    if (name == "..") {
      at = fs::path(at).parent_path().native();
      if (at == "/") at.clear();
      continue;
    }
    const std::string next = absl::StrCat(at, "/", name);
    std::error_code error;
    if (!fs::is_symlink(fs::symlink_status(next, error))) {
      at = next;
      continue;
    }
    const std::string points_to = fs::read_symlink(next, error).native();
    if (!Shows(next)) policy_.links.push_back({next, points_to});
    if (++links > kMaxLinks) {
      return absl::InvalidArgumentError(absl::StrCat(program, " is a loop"));
    }
    std::vector<std::string> follow = absl::StrSplit(points_to, '/');
    follow.insert(follow.end(), rest.begin() + i, rest.end());
    if (absl::StartsWith(points_to, "/")) at.clear();
    rest = std::move(follow);
    i = 0;
  }
  std::error_code error;
  if (::access(at.c_str(), X_OK) != 0 || fs::is_directory(at, error)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the Python ", program, " cannot be run"));
  }
  Add(at);
  return absl::OkStatus();
}

// Whether a directory of sys.path holds installed packages and nothing else.
// One that PYTHONPATH names may be a project, with its secrets beside the code.
bool IsInstallation(const std::string& site) {
  const std::string name = fs::path(site).filename();
  return name == "site-packages" || name == "dist-packages";
}

}  // namespace

absl::StatusOr<std::vector<std::string>> BindInterpreter(
    const v1::Interpreter& interpreter, SandboxPolicy& policy) {
  Binds binds(policy);
  for (const std::string& path :
       {interpreter.base_prefix(), interpreter.prefix(),
        interpreter.executable()}) {
    const std::string objection = Objection(path);
    if (!objection.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("cannot show the Python at '", path,
                       "' to a sandbox: it ", objection));
    }
  }
  binds.Add(interpreter.base_prefix());
  binds.Add(interpreter.prefix());
  std::vector<std::string> sites;
  for (const std::string& site : interpreter.site_directories()) {
    if (!IsInstallation(site) || !Objection(site).empty()) continue;
    binds.Add(site);
    sites.push_back(site);
  }
  HUBD_RETURN_IF_ERROR(binds.AddProgram(interpreter.executable()));
  std::vector<std::string> libraries;
  for (const std::string& entry : std::vector<std::string>(
           absl::StrSplit(interpreter.ld_library_path(), ':'))) {
    const std::string path = fs::path(entry).lexically_normal().native();
    if (!absl::StrContains(path, '\0') && binds.Shows(path)) {
      libraries.push_back(path);
    }
  }
  if (!libraries.empty()) {
    policy.environment.push_back(
        {"LD_LIBRARY_PATH", absl::StrJoin(libraries, ":")});
  }
  return sites;
}

}  // namespace hubd
