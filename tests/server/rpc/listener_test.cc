#include "server/rpc/listener.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>
#include <future>
#include <memory>
#include <vector>

#include "absl/strings/match.h"
#include "server/base/fs.h"
#include "server/base/log.h"
#include "server/base/mutex.h"
#include "tests/server/rpc/socket_dir.h"

namespace hubd {
namespace {

using ::testing::HasSubstr;

mode_t ModeOf(const std::string& path) {
  struct stat info;
  EXPECT_EQ(::lstat(path.c_str(), &info), 0) << path;
  return info.st_mode & 07777;
}

UniqueFd UnixSocket() {
  return UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

int ConnectFd(int fd, const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, path.c_str());
  return ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address));
}

class ListenerTest : public testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<Listener>> Listen(mode_t mode = 0600) {
    return Listener::Create(io_, path_, mode, [this](UniqueFd connection) {
      MutexLock lock(mutex_);
      accepted_.push_back(std::move(connection));
      changed_.NotifyAll();
    });
  }

  void AwaitAccepted(size_t count) {
    MutexLock lock(mutex_);
    while (accepted_.size() < count) changed_.Wait(mutex_);
  }

  // Logs and awaits a timer. A sanitizer that first meets a type opens a pipe
  // to look at it, which must not be when there is none to be had.
  void MeetTypes() {
    HUBD_LOG(kWarning) << "event=start text=" << LogQuote("");
    std::promise<void> fired;
    std::unique_ptr<IoThread::Timer> timer;
    io_.Post([&] {
      timer = io_.RunAfter(absl::ZeroDuration(), [&] { fired.set_value(); });
    });
    fired.get_future().wait();
  }

  SocketDir dir_;
  std::string path_ = dir_.Below("s");
  Mutex mutex_;
  CondVar changed_;
  std::vector<UniqueFd> accepted_ ABSL_GUARDED_BY(mutex_);
  IoThread io_;
};

TEST_F(ListenerTest, ConnectionsAreHandedOverNonBlockingAndCloseOnExec) {
  auto listener = *Listen();
  UniqueFd client = UnixSocket();
  ASSERT_EQ(ConnectFd(client.get(), path_), 0);
  AwaitAccepted(1);
  MutexLock lock(mutex_);
  EXPECT_TRUE(::fcntl(accepted_[0].get(), F_GETFL) & O_NONBLOCK);
  EXPECT_TRUE(::fcntl(accepted_[0].get(), F_GETFD) & FD_CLOEXEC);
}

TEST_F(ListenerTest, TheModeIsAsAskedForWhateverTheUmask) {
  mode_t before = ::umask(0);
  {
    EXPECT_EQ(((void)*Listen(0600), ModeOf(path_)), 0600u) << "umask 0";
  }
  ::umask(077);
  auto listener = *Listen(0666);
  EXPECT_EQ(ModeOf(path_), 0666u);
  ::umask(before);
}

TEST_F(ListenerTest, AStaleSocketIsReplaced) {
  {
    UniqueFd old = UnixSocket();
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path_.c_str());
    ASSERT_EQ(::bind(old.get(), reinterpret_cast<sockaddr*>(&address),
                     sizeof(address)),
              0);
    ASSERT_EQ(::listen(old.get(), 1), 0);
  }
  auto listener = *Listen();
  UniqueFd client = UnixSocket();
  EXPECT_EQ(ConnectFd(client.get(), path_), 0);
}

TEST_F(ListenerTest, ASocketThatAnswersIsLeftAlone) {
  auto first = *Listen();
  auto second = Listen();
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr("a running program listens there"));
  EXPECT_TRUE(first->StillThere());
}

TEST_F(ListenerTest, AnotherKindOfFileIsLeftAlone) {
  ASSERT_TRUE(WriteFileDurably(path_, "mine", 0600).ok());
  EXPECT_FALSE(Listen().ok());
  EXPECT_EQ(*ReadFile(path_), "mine");
}

TEST_F(ListenerTest, APathThatIsTooLongIsNamed) {
  path_ = dir_.Below(std::string(100, 'x'));
  auto listener = Listen();
  ASSERT_FALSE(listener.ok());
  EXPECT_THAT(std::string(listener.status().message()),
              HasSubstr("1 to 107 bytes"));
}

TEST_F(ListenerTest, ItsFileGoesWithItUnlessAnotherTookThePlace) {
  auto first = *Listen();
  EXPECT_TRUE(first->StillThere());
  ASSERT_EQ(::unlink(path_.c_str()), 0);
  EXPECT_FALSE(first->StillThere());
  auto second = *Listen();
  EXPECT_FALSE(first->StillThere());
  first.reset();
  EXPECT_TRUE(second->StillThere());
  second.reset();
  EXPECT_NE(::access(path_.c_str(), F_OK), 0);
}

// Lowers the limit so that no further descriptor can be opened, while it lives.
class NoMoreDescriptors {
 public:
  NoMoreDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    int free = UnixSocket().get();  // The lowest number that is free.
    rlimit low = before_;
    low.rlim_cur = free;
    ::setrlimit(RLIMIT_NOFILE, &low);
  }
  ~NoMoreDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_;
};

// The first kilobytes of a file, by a descriptor that is open already.
std::string Content(int fd) {
  char bytes[4096];
  ssize_t size = ::pread(fd, bytes, sizeof(bytes), 0);
  return std::string(bytes, std::max<ssize_t>(size, 0));
}

TEST_F(ListenerTest, WantOfDescriptorsIsSaidOnceAndWaitedOut) {
  std::string path = dir_.Below("log");
  ASSERT_TRUE(SetLogFile(path).ok());
  UniqueFd log(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  MeetTypes();
  auto listener = *Listen();
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(UnixSocket());
  std::string said;
  {
    NoMoreDescriptors limit;
    for (UniqueFd& client : clients) {
      ASSERT_EQ(ConnectFd(client.get(), path_), 0);
    }
    do {
      said = Content(log.get());
    } while (!absl::StrContains(said, "event=accept_failed"));
    MutexLock lock(mutex_);
    EXPECT_TRUE(accepted_.empty());
  }
  AwaitAccepted(20);
  EXPECT_EQ(Content(log.get()), said) << "it is said again";
}

}  // namespace
}  // namespace hubd
