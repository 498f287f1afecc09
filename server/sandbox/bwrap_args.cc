#include "server/sandbox/bwrap_args.h"

#include <filesystem>
#include <initializer_list>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace hubd {
namespace {

class Args {
 public:
  void Add(std::initializer_list<std::string> words) {
    words_.insert(words_.end(), words);
  }
  std::vector<std::string> Take() { return std::move(words_); }

 private:
  std::vector<std::string> words_;
};

void AddNamespaces(Args& args) {
  args.Add({"--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc",
            "--unshare-uts", "--unshare-cgroup-try", "--disable-userns",
            "--cap-drop", "ALL", "--uid", "65534", "--gid", "65534",
            "--hostname", "hubd-worker", "--die-with-parent", "--new-session"});
}

// The system's programs and libraries, and what the loader needs in /etc.
void AddSystem(Args& args) {
  args.Add({"--ro-bind", "/usr", "/usr"});
  for (const char* path : {"/bin", "/sbin", "/lib", "/lib32", "/lib64"}) {
    std::error_code error;
    const auto status = std::filesystem::symlink_status(path, error);
    if (std::filesystem::is_symlink(status)) {
      args.Add({"--symlink", std::filesystem::read_symlink(path, error), path});
    } else if (std::filesystem::is_directory(status)) {
      args.Add({"--ro-bind", path, path});
    }
  }
  args.Add({"--dir", "/etc"});
  for (const char* path :
       {"/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d",
        "/etc/alternatives", "/etc/localtime", "/sys/devices/system/cpu",
        "/sys/devices/system/node"}) {
    args.Add({"--ro-bind-try", path, path});
  }
}

// bubblewrap's own /dev has terminals, a writable /dev/shm, and /dev/zero: a
// shared mapping of it is memory that no watchdog sees.
void AddKernelFiles(Args& args) {
  args.Add({"--proc", "/proc", "--dir", "/dev"});
  for (const char* path :
       {"/dev/null", "/dev/full", "/dev/random", "/dev/urandom"}) {
    args.Add({"--dev-bind", path, path});
  }
  args.Add({"--symlink", "/proc/self/fd", "/dev/fd"});
  args.Add({"--symlink", "/proc/self/fd/0", "/dev/stdin"});
  args.Add({"--symlink", "/proc/self/fd/1", "/dev/stdout"});
  args.Add({"--symlink", "/proc/self/fd/2", "/dev/stderr"});
  // The uid's keyrings and the kernel's command line are not namespaced.
  for (const char* path : {"/proc/keys", "/proc/key-users", "/proc/cmdline"}) {
    args.Add({"--ro-bind-try", "/dev/null", path});
  }
}

}  // namespace

std::vector<std::string> BwrapArgs(const SandboxPolicy& policy,
                                   const BwrapFds& fds) {
  Args args;
  AddNamespaces(args);
  AddSystem(args);
  AddKernelFiles(args);
  args.Add({"--perms", "0755", "--dir", "/tmp", "--dir", "/tmp/home"});
  for (const SandboxPolicy::Bind& bind : policy.binds) {
    args.Add({"--ro-bind", bind.source, bind.target});
  }
  for (const SandboxPolicy::Link& link : policy.links) {
    args.Add({"--symlink", link.points_to, link.target});
  }
  for (size_t i = 0; i < policy.data_files.size(); ++i) {
    args.Add({"--perms", "0444", "--ro-bind-data", absl::StrCat(fds.data[i]),
              policy.data_files[i].target});
  }
  // No mount below is writable, and the root itself is not either.
  args.Add({"--remount-ro", "/", "--chdir", policy.working_directory});
  args.Add({"--clearenv"});
  for (const SandboxPolicy::Variable& variable : policy.environment) {
    args.Add({"--setenv", variable.name, variable.value});
  }
  args.Add({"--seccomp", absl::StrCat(fds.seccomp)});
  args.Add({"--json-status-fd", absl::StrCat(fds.status)});
  return args.Take();
}

}  // namespace hubd
