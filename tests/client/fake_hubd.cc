// Plays the program `hubd` for the clients that start one: the FakeDaemon in a
// process of its own. HUBD_READY_FD gets its word, as $FAKE_HUBD says:
//
//   (not set)   it listens at ROOT/socket, writes ROOT/store/ADDRESS, "ready"
//   held        "held 4711 otherhost -"
//   error       "error the disk is on fire"
//   babbling    "babble"
//   silent      nothing: it writes a log and ends
//   stuck       nothing: it lives on
//
// ROOT/starts gets a line with its pid, ROOT/facts what it finds: session,
// working directory, open descriptors. A fetch while ROOT/die exists removes
// that file and ends the process at once, in the middle of the stream. It ends
// by itself after a minute.

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>

#include "tests/client/fake_daemon.h"

namespace hubd {
namespace {

constexpr int kReadyFd = 3;

void Append(const std::string& path, const std::string& line) {
  std::ofstream(path, std::ios::app) << line << "\n" << std::flush;
}

void WriteFacts(const std::string& path) {
  Append(path, getsid(0) == getpid() ? "own session" : "foreign session");
  const std::unique_ptr<char, decltype(&std::free)> directory(
      getcwd(nullptr, 0), std::free);
  Append(path, std::string("cwd ") + directory.get());
  // 0 to 2 are /dev/null, 3 is the pipe.
  for (int fd = 0; fd < 64; ++fd) {
    struct stat info;
    if (fstat(fd, &info) == 0) Append(path, "fd " + std::to_string(fd));
  }
}

void Tell(const std::string& line) {
  const std::string text = line + "\n";
  if (write(kReadyFd, text.data(), text.size()) < 0) std::exit(2);
  close(kReadyFd);
}

grpc::Status FetchOrDie(
    const std::string& root,
    const std::function<void(const v1::FetchStateDictResponse&)>& send) {
  v1::FetchStateDictResponse event;
  event.mutable_progress()->set_done_bytes(1);
  send(event);
  if (unlink((root + "/die").c_str()) == 0) _exit(9);
  event.mutable_result()->set_path("after a restart");
  send(event);
  return grpc::Status::OK;
}

void Serve(const std::string& root) {
  const std::string socket = root + "/socket";
  unlink(socket.c_str());
  FakeDaemon daemon(socket);
  daemon.on_fetch = [&root](auto&, const auto&, const auto& send) {
    return FetchOrDie(root, send);
  };
  daemon.status.set_root(root);
  mkdir((root + "/store").c_str(), 0700);
  const std::string temporary = root + "/store/ADDRESS.tmp";
  unlink(temporary.c_str());
  Append(temporary, socket);
  std::rename(temporary.c_str(), (root + "/store/ADDRESS").c_str());
  Tell("ready " + socket);
  while (true) pause();
}

int Main(const std::string& root) {
  alarm(60);
  const char* mode = std::getenv("FAKE_HUBD");
  const std::string play = mode == nullptr ? "" : mode;
  WriteFacts(root + "/facts");
  Append(root + "/starts", std::to_string(getpid()));
  if (play == "held") {
    Tell("held 4711 otherhost -");
  } else if (play == "error") {
    Tell("error the disk is on fire");
  } else if (play == "babbling") {
    Tell("babble");
  } else if (play == "silent") {
    mkdir((root + "/store").c_str(), 0700);
    Append(root + "/store/log", "event=panic");
  } else if (play == "stuck") {
    while (true) pause();
  } else {
    Serve(root);
  }
  return 0;
}

}  // namespace
}  // namespace hubd

int main(int argc, char** argv) {
  if (argc != 3 || std::string(argv[1]) != "--dir") return 64;
  return hubd::Main(argv[2]);
}
