// A directory for one test's sockets.

#ifndef HUBD_TESTS_SERVER_RPC_SOCKET_DIR_H_
#define HUBD_TESTS_SERVER_RPC_SOCKET_DIR_H_

#include <stdlib.h>
#include <sys/stat.h>

#include <string>

#include "server/base/fs.h"
#include "server/base/status.h"

namespace hubd {

// Right below /tmp, since a socket's path has at most 107 bytes; every uid can
// reach what is in it. Goes with all that is in it.
class SocketDir {
 public:
  SocketDir() {
    HUBD_CHECK(::mkdtemp(path_.data()) != nullptr);
    HUBD_CHECK(::chmod(path_.c_str(), 0711) == 0);
  }
  ~SocketDir() { (void)RemoveAll(path_); }
  SocketDir(const SocketDir&) = delete;
  SocketDir& operator=(const SocketDir&) = delete;

  std::string Below(const std::string& name) const {
    return path_ + "/" + name;
  }

 private:
  std::string path_ = "/tmp/hubd-test-XXXXXX";
};

}  // namespace hubd

#endif  // HUBD_TESTS_SERVER_RPC_SOCKET_DIR_H_
