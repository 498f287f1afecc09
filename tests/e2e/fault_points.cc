// A library that ends the daemon by SIGKILL in front of one of its system
// calls, chosen by number: preloaded (LD_PRELOAD), so that the daemon is the
// one that is released.
//
// Steps are the calls that change files or talk to git, over all threads. The
// file that $HUBD_TEST_FAULT_POINTS names is mapped and holds Orders. The lines
// "CALL PATH" in the file with ".log" behind its name are the steps that were
// made, and the one that was not.

#include <dlfcn.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <bit>
#include <cstdarg>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace {

struct Orders {
  // 0: nothing; -1: to log all steps; N: to end before the Nth of those that
  // are meant.
  std::atomic<int64_t> end_before;
  std::atomic<int64_t> reached;
  // The call, and what stands in the path.
  char call[32];
  char part[64];
};

Orders* orders = nullptr;
int log_fd = -1;

__attribute__((constructor)) void Open() {
  const char* path = std::getenv("HUBD_TEST_FAULT_POINTS");
  if (path == nullptr) return;
  const int fd = open(path, O_RDWR | O_CLOEXEC);
  log_fd = open((std::string(path) + ".log").c_str(),
                O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  void* const at =
      mmap(nullptr, sizeof(Orders), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  // Without orders the tests could not fail.
  if (at == MAP_FAILED) std::abort();
  close(fd);
  orders = static_cast<Orders*>(at);
}

// The function that stands behind ours.
template <class Function>
Function Real(Function, const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

void Log(const std::string& line) {
  (void)Real(&write, "write")(log_fd, line.data(), line.size());
}

std::string PathOf(int fd) {
  std::string path(4096, '\0');
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t size = readlink(link.c_str(), path.data(), path.size());
  path.resize(size < 0 ? 0 : static_cast<size_t>(size));
  return path;
}

bool Armed() { return orders != nullptr && orders->end_before != 0; }

void Reach(const char* call, const std::string& path) {
  const int64_t end_before = orders->end_before;
  const std::string line = std::string(call) + " " + path + "\n";
  if (end_before < 0) return Log(line);
  if (call != std::string(orders->call)) return;
  if (path.find(orders->part) == std::string::npos) return;
  if (++orders->reached != end_before) return;
  Log(line);
  // What the same daemon does while it dies, and the next one, is not counted.
  orders->end_before = 0;
  kill(getpid(), SIGKILL);
  while (true) pause();
}

void ReachAt(const char* call, int directory, const char* name) {
  if (!Armed()) return;
  const bool whole = name[0] == '/' || directory == AT_FDCWD;
  Reach(call, whole ? name : PathOf(directory) + "/" + name);
}

void ReachFd(const char* call, int fd) {
  if (Armed()) Reach(call, PathOf(fd));
}

// What threads say to each other, and to clients, is left out.
bool IsOf(int fd, mode_t type) {
  struct stat info;
  return Armed() && fd != log_fd && fstat(fd, &info) == 0 &&
         (info.st_mode & S_IFMT) == type;
}

}  // namespace

#define CALL(name, ...) Real(&name, #name)(__VA_ARGS__)

extern "C" {

int rename(const char* from, const char* to) noexcept {
  ReachAt("rename", AT_FDCWD, to);
  return CALL(rename, from, to);
}

int mkdir(const char* path, mode_t mode) noexcept {
  ReachAt("mkdir", AT_FDCWD, path);
  return CALL(mkdir, path, mode);
}

int mkdirat(int at, const char* path, mode_t mode) noexcept {
  ReachAt("mkdirat", at, path);
  return CALL(mkdirat, at, path, mode);
}

int symlinkat(const char* target, int at, const char* path) noexcept {
  ReachAt("symlinkat", at, path);
  return CALL(symlinkat, target, at, path);
}

int chmod(const char* path, mode_t mode) noexcept {
  ReachAt("chmod", AT_FDCWD, path);
  return CALL(chmod, path, mode);
}

int fchmodat(int at, const char* path, mode_t mode, int flags) noexcept {
  ReachAt("fchmodat", at, path);
  return CALL(fchmodat, at, path, mode, flags);
}

int fchmod(int fd, mode_t mode) noexcept {
  ReachFd("fchmod", fd);
  return CALL(fchmod, fd, mode);
}

int unlinkat(int at, const char* path, int flags) noexcept {
  ReachAt("unlinkat", at, path);
  return CALL(unlinkat, at, path, flags);
}

int unlink(const char* path) noexcept {
  ReachAt("unlink", AT_FDCWD, path);
  return CALL(unlink, path);
}

int fsync(int fd) {
  ReachFd("fsync", fd);
  return CALL(fsync, fd);
}

int fdatasync(int fd) {
  ReachFd("fdatasync", fd);
  return CALL(fdatasync, fd);
}

int syncfs(int fd) noexcept {
  ReachFd("syncfs", fd);
  return CALL(syncfs, fd);
}

ssize_t write(int fd, const void* bytes, size_t size) {
  if (IsOf(fd, S_IFREG)) ReachFd("write", fd);
  return CALL(write, fd, bytes, size);
}

// SQLite's.
ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t offset) {
  ReachFd("pwrite", fd);
  return CALL(pwrite64, fd, bytes, size, offset);
}

// Of a download.
ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  ReachFd("pwrite", fd);
  return CALL(pwrite, fd, bytes, size, offset);
}

int fallocate(int fd, int mode, off_t offset, off_t size) {
  ReachFd("fallocate", fd);
  return CALL(fallocate, fd, mode, offset, size);
}

int ftruncate(int fd, off_t size) noexcept {
  ReachFd("ftruncate", fd);
  return CALL(ftruncate, fd, size);
}

// From git's standard output.
ssize_t read(int fd, void* bytes, size_t size) {
  if (IsOf(fd, S_IFIFO)) ReachAt("read", AT_FDCWD, "a pipe");
  return CALL(read, fd, bytes, size);
}

// To and from git's remote helper.
ssize_t send(int fd, const void* bytes, size_t size, int flags) {
  if (IsOf(fd, S_IFSOCK) && (flags & MSG_DONTWAIT) != 0) {
    ReachAt("send", AT_FDCWD, "a socket");
  }
  return CALL(send, fd, bytes, size, flags);
}

ssize_t recv(int fd, void* bytes, size_t size, int flags) {
  if (IsOf(fd, S_IFSOCK) && flags == MSG_DONTWAIT) {
    ReachAt("recv", AT_FDCWD, "a socket");
  }
  return CALL(recv, fd, bytes, size, flags);
}

int posix_spawnp(pid_t* pid, const char* program,
                 const posix_spawn_file_actions_t* actions,
                 const posix_spawnattr_t* attributes, char* const* arguments,
                 char* const* environment) {
  if (Armed()) {
    std::string words;
    for (char* const* word = arguments; *word != nullptr; ++word) {
      words += std::string(*word) + " ";
    }
    Reach("spawn", words);
  }
  return CALL(posix_spawnp, pid, program, actions, attributes, arguments,
              environment);
}

// The C library has no openat2 of its own.
long syscall(long number, ...) noexcept {
  va_list list;
  va_start(list, number);
  long words[6];
  for (long& word : words) word = va_arg(list, long);
  va_end(list);
  if (number == SYS_openat2) {
    ReachAt("openat2", static_cast<int>(words[0]),
            std::bit_cast<const char*>(words[1]));
  }
  return CALL(syscall, number, words[0], words[1], words[2], words[3], words[4],
              words[5]);
}

}  // extern "C"
