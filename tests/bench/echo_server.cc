// What gRPC costs by itself: a server that answers at once.
//
//   echo_server SOCKET     until its standard input ends
//
// GetDir is the unary echo, FetchStateDict the streamed one: one message, then
// the end. It prints "ready" when it listens.

#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <iostream>
#include <string>

#include "hubd/v1/hub.grpc.pb.h"

namespace hubd {
namespace {

class OneMessage final
    : public grpc::ServerWriteReactor<v1::FetchStateDictResponse> {
 public:
  explicit OneMessage(const std::string& text) {
    response_.mutable_result()->set_url(text);
    StartWriteAndFinish(&response_, grpc::WriteOptions(), grpc::Status::OK);
  }
  void OnDone() override { delete this; }

 private:
  v1::FetchStateDictResponse response_;
};

class Echo final : public v1::Hub::CallbackService {
 public:
  grpc::ServerUnaryReactor* GetDir(grpc::CallbackServerContext* context,
                                   const v1::GetDirRequest*,
                                   v1::GetDirResponse* response) override {
    response->set_root(std::string(64, 'x'));
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

  grpc::ServerWriteReactor<v1::FetchStateDictResponse>* FetchStateDict(
      grpc::CallbackServerContext*,
      const v1::FetchStateDictRequest* request) override {
    return new OneMessage(request->url());
  }
};

int Run(const std::string& socket) {
  Echo echo;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("unix:" + socket, grpc::InsecureServerCredentials());
  builder.RegisterService(&echo);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  std::cout << "ready\n" << std::flush;
  char byte;
  while (::read(STDIN_FILENO, &byte, 1) > 0) {
  }
  return 0;
}

}  // namespace
}  // namespace hubd

int main(int argc, char** argv) {
  if (argc == 2) return hubd::Run(argv[1]);
  std::cerr << "usage: echo_server SOCKET\n";
  return 2;
}
