// Times one kind of call, over and over, in one process.
//
//   latency echo|stream SOCKET CALLS            against echo_server
//   latency fetch|load URL-OR-REPO CALLS        against hubd, by hubd::Client
//   latency list REPO CALLS PYTHON
//
// A tenth as many calls come before those that count. Prints JSON: the
// percentiles in microseconds.

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/client.h"
#include "hubd/v1/hub.grpc.pb.h"

namespace hubd {
namespace {

using Call = std::function<absl::Status()>;

absl::Status ToStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  return absl::UnavailableError(status.error_message());
}

Call Echo(const std::string& socket) {
  std::shared_ptr<v1::Hub::Stub> stub = v1::Hub::NewStub(grpc::CreateChannel(
      "unix:" + socket, grpc::InsecureChannelCredentials()));
  return [stub] {
    grpc::ClientContext context;
    v1::GetDirResponse response;
    return ToStatus(stub->GetDir(&context, v1::GetDirRequest(), &response));
  };
}

Call Stream(const std::string& socket) {
  std::shared_ptr<v1::Hub::Stub> stub = v1::Hub::NewStub(grpc::CreateChannel(
      "unix:" + socket, grpc::InsecureChannelCredentials()));
  return [stub] {
    grpc::ClientContext context;
    v1::FetchStateDictRequest request;
    request.set_url(std::string(64, 'x'));
    auto reader = stub->FetchStateDict(&context, request);
    v1::FetchStateDictResponse response;
    while (reader->Read(&response)) {
    }
    return ToStatus(reader->Finish());
  };
}

// Null where there is no such kind of call.
Call MakeCall(const std::string& kind, const std::string& subject,
              const std::string& python) {
  if (kind == "echo") return Echo(subject);
  if (kind == "stream") return Stream(subject);
  auto client = std::make_shared<Client>(ClientOptions{.python = python});
  if (kind == "fetch") {
    return [client, subject] {
      return client->FetchStateDict({.url = subject}).status();
    };
  }
  if (kind == "load") {
    return
        [client, subject] { return client->Load({.repo = subject}).status(); };
  }
  if (kind == "list") {
    return
        [client, subject] { return client->List({.repo = subject}).status(); };
  }
  return nullptr;
}

double Microseconds(const Call& call) {
  const auto start = std::chrono::steady_clock::now();
  if (absl::Status status = call(); !status.ok()) {
    std::cerr << status << "\n";
    std::exit(1);
  }
  return std::chrono::duration<double, std::micro>(
             std::chrono::steady_clock::now() - start)
      .count();
}

void Run(const Call& call, int calls) {
  for (int i = 0; i < calls / 10; ++i) Microseconds(call);
  std::vector<double> times;
  for (int i = 0; i < calls; ++i) times.push_back(Microseconds(call));
  std::sort(times.begin(), times.end());
  std::printf("{\"min\": %.1f, \"p50\": %.1f, \"p99\": %.1f}\n", times[0],
              times[times.size() / 2], times[times.size() * 99 / 100]);
}

}  // namespace
}  // namespace hubd

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() == 3 || words.size() == 4) {
    const hubd::Call call = hubd::MakeCall(
        words[0], words[1], words.size() == 4 ? words[3] : std::string());
    const int calls = std::atoi(words[2].c_str());
    if (call != nullptr && calls > 0) {
      hubd::Run(call, calls);
      return 0;
    }
  }
  std::cerr << "usage: latency echo|stream|fetch|load|list SUBJECT CALLS "
               "[PYTHON]\n";
  return 2;
}
