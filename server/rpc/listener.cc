#include "server/rpc/listener.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/log.h"
#include "server/base/status.h"

namespace hubd {
namespace {

constexpr absl::Duration kRetry = absl::Milliseconds(100);
// Accepted in one go; then the io thread's other work has its turn.
constexpr int kBatch = 16;

absl::StatusOr<sockaddr_un> AddressOf(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "cannot listen at ", path, ": a socket's path has 1 to ",
        sizeof(address.sun_path) - 1, " bytes; choose another by --socket"));
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

UniqueFd MakeSocket() {
  return UniqueFd(
      ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

// Makes room at the path: nothing there, or a socket that nobody holds.
absl::Status RemoveStale(const std::string& path, const sockaddr_un& address) {
  struct stat info;
  if (::lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return absl::OkStatus();
    return ErrnoError(errno, absl::StrCat("cannot look at ", path));
  }
  if (!S_ISSOCK(info.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot listen at ", path,
                     ": something that is no socket is there; move it away"));
  }
  UniqueFd probe = MakeSocket();
  if (!probe.valid()) return ErrnoError(errno, "cannot make a socket");
  int result =
      ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address),
                sizeof(address));
  // Whose it was may remove it meanwhile.
  if (result != 0 && errno == ENOENT) return absl::OkStatus();
  if (result == 0 || errno != ECONNREFUSED) {
    return absl::AlreadyExistsError(
        absl::StrCat("cannot listen at ", path,
                     ": a running program listens there; stop it, or choose "
                     "another path by --socket"));
  }
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    return ErrnoError(errno, absl::StrCat("cannot remove ", path));
  }
  return absl::OkStatus();
}

// The mode of an unbound socket is, less the umask, the mode of its file: so
// the file is never wider than asked for, and chmod adds what the umask took
// before anybody can connect.
absl::Status BindWithMode(int fd, const std::string& path,
                          const sockaddr_un& address, mode_t mode) {
  if (::fchmod(fd, mode) != 0 ||
      ::bind(fd, reinterpret_cast<const sockaddr*>(&address),
             sizeof(address)) != 0 ||
      ::chmod(path.c_str(), mode) != 0 || ::listen(fd, SOMAXCONN) != 0) {
    return ErrnoError(errno, absl::StrCat("cannot listen at ", path));
  }
  return absl::OkStatus();
}

}  // namespace

// Accepts when the socket is readable. Confined to the io thread.
class Listener::Acceptor : public std::enable_shared_from_this<Acceptor> {
 public:
  Acceptor(IoThread& io, UniqueFd socket, AcceptFn accept)
      : io_(io),
        socket_(io.context(), socket.release()),
        accept_(std::move(accept)) {}

  void Await() {
    socket_.async_wait(
        boost::asio::posix::stream_descriptor::wait_read,
        [self = shared_from_this()](const boost::system::error_code& error) {
          if (!error) self->AcceptBatch();
        });
  }

  void Close() {
    retry_ = nullptr;
    boost::system::error_code ignored;
    (void)socket_.close(ignored);
  }

 private:
  void AcceptBatch() {
    for (int i = 0; i < kBatch && socket_.is_open(); ++i) {
      UniqueFd connection(::accept4(socket_.native_handle(), nullptr, nullptr,
                                    SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (connection.valid()) {
        failing_ = false;
        accept_(std::move(connection));
      } else if (errno == EAGAIN) {
        break;
      } else if (errno != ECONNABORTED && errno != EINTR) {
        RetryLater(errno);
        return;
      }
    }
    if (socket_.is_open()) Await();
  }

  // The connection stays in the queue and keeps the socket readable: waiting
  // for that again would spin.
  void RetryLater(int error_number) {
    if (!std::exchange(failing_, true)) {
      HUBD_LOG(kWarning) << "event=accept_failed error="
                         << LogQuote(std::strerror(error_number));
    }
    retry_ = io_.RunAfter(kRetry, [weak = weak_from_this()] {
      if (auto self = weak.lock()) self->AcceptBatch();
    });
  }

  IoThread& io_;
  boost::asio::posix::stream_descriptor socket_;
  const AcceptFn accept_;
  std::unique_ptr<IoThread::Timer> retry_;
  // The last accept failed: said once, not every 100 ms.
  bool failing_ = false;
};

absl::StatusOr<std::unique_ptr<Listener>> Listener::Create(
    IoThread& io, const std::string& path, mode_t mode, AcceptFn accept) {
  HUBD_ASSIGN_OR_RETURN(sockaddr_un address, AddressOf(path));
  HUBD_RETURN_IF_ERROR(RemoveStale(path, address));
  UniqueFd socket = MakeSocket();
  if (!socket.valid()) return ErrnoError(errno, "cannot make a socket");
  HUBD_RETURN_IF_ERROR(BindWithMode(socket.get(), path, address, mode));
  struct stat info;
  if (::lstat(path.c_str(), &info) != 0) {
    return ErrnoError(errno, absl::StrCat("cannot look at ", path));
  }
  auto acceptor =
      std::make_shared<Acceptor>(io, std::move(socket), std::move(accept));
  io.Post([acceptor] { acceptor->Await(); });
  return std::unique_ptr<Listener>(
      new Listener(io, path, info.st_dev, info.st_ino, std::move(acceptor)));
}

Listener::Listener(IoThread& io, std::string path, dev_t device, ino_t inode,
                   std::shared_ptr<Acceptor> acceptor)
    : io_(io),
      path_(std::move(path)),
      device_(device),
      inode_(inode),
      acceptor_(std::move(acceptor)) {}

Listener::~Listener() {
  if (StillThere()) ::unlink(path_.c_str());
  io_.Post([acceptor = acceptor_] { acceptor->Close(); });
}

bool Listener::StillThere() const {
  struct stat info;
  return ::lstat(path_.c_str(), &info) == 0 && info.st_dev == device_ &&
         info.st_ino == inode_;
}

}  // namespace hubd
