// A gRPC server with one service of the test's, behind the real listener.

#ifndef HUBD_TESTS_SERVER_RPC_BARE_SERVER_H_
#define HUBD_TESTS_SERVER_RPC_BARE_SERVER_H_

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_posix.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "server/base/io_thread.h"
#include "server/rpc/listener.h"
#include "tests/server/rpc/socket_dir.h"

namespace hubd {

// A connection of its own, shared with no other channel.
inline std::shared_ptr<grpc::Channel> ConnectTo(const std::string& path) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(
      "unix:" + path, grpc::InsecureChannelCredentials(), arguments);
}

class BareServer {
 public:
  explicit BareServer(grpc::Service& service) {
    grpc::ServerBuilder builder;
    builder.RegisterService(&service);
    server_ = builder.BuildAndStart();
    listener_ = *Listener::Create(
        io_, path(), 0666, [server = server_.get()](UniqueFd connection) {
          grpc::AddInsecureChannelFromFd(server, connection.release());
        });
  }

  ~BareServer() {
    listener_.reset();
    AwaitIo();
    server_->Shutdown(std::chrono::system_clock::now());
    AwaitIo();
  }

  std::string path() const { return dir_.Below("s"); }
  IoThread& io() { return io_; }

  void AwaitIo() {
    std::promise<void> reached;
    io_.Post([&] { reached.set_value(); });
    reached.get_future().wait();
  }

 private:
  SocketDir dir_;
  IoThread io_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Listener> listener_;
};

}  // namespace hubd

#endif  // HUBD_TESTS_SERVER_RPC_BARE_SERVER_H_
