// A whole RpcServer on a real socket, store and job queue, with an origin that
// is played (tests/testing) and worker hosts that the test plays.

#ifndef HUBD_TESTS_SERVER_RPC_RPC_FIXTURE_H_
#define HUBD_TESTS_SERVER_RPC_RPC_FIXTURE_H_

#include <unistd.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hubd/v1/error.pb.h"
#include "hubd/v1/hub.grpc.pb.h"
#include "server/admit/admission.h"
#include "server/base/fs.h"
#include "server/jobs/job_queue.h"
#include "server/jobs/result_cache.h"
#include "server/rpc/server.h"
#include "tests/server/fetch/fetch_fixture.h"
#include "tests/server/rpc/bare_server.h"
#include "tests/server/rpc/socket_dir.h"

namespace hubd {

inline const std::string kCommit = std::string(40, 'c');

// Counts the starts, which start nothing; answers with `answer`.
class FakeHostStarter final : public HostStarter {
 public:
  absl::Status StartHost(uid_t, EndedFn) override {
    ++starts;
    return answer;
  }
  void KillHost(uid_t) override {}

  int starts = 0;
  absl::Status answer = absl::OkStatus();
};

// The parts of a daemon, without its gRPC.
class PartsFixture : public FetchFixture {
 protected:
  ~PartsFixture() override {
    OnIo([this] {
      results_.reset();
      jobs_.reset();
    });
  }

  // Makes a tree of github.com/o/r that `main` points to.
  TreeObject PublishTree(const std::string& hubconf,
                         std::vector<std::string> warnings = {}) {
    Staging staging = *store_->StageDirectory();
    HUBD_CHECK(WriteFileDurably(staging.path() + "/" + hubconf, "", 0644).ok());
    TreeObject tree;
    tree.key.repo = {"github.com", "o", "r"};
    tree.key.commit = kCommit;
    tree.key.route = "archive";
    tree.warnings = std::move(warnings);
    Advertisement refs;
    refs.head = "refs/heads/main";
    refs.refs = {{"refs/heads/main", kCommit}};
    git_.Answer(refs);
    return *store_->PublishTree(std::move(staging), std::move(tree));
  }

  FakeHostStarter starter_;
  std::unique_ptr<JobQueue> jobs_ =
      std::make_unique<JobQueue>(JobQueue::Options{}, io_, starter_);
  std::unique_ptr<ResultCache> results_ = std::make_unique<ResultCache>(
      ResultCache::Options{.worker = "1.2.3"},
      ResultCache::Parts{io_, disk_, *jobs_, store_->catalog()});
  Admission admission_{Admission::Options{.uid = ::getuid()}, store_->catalog(),
                       clock_};
};

class RpcFixture : public PartsFixture {
 protected:
  RpcFixture() { StartServer({}); }
  ~RpcFixture() override { server_.reset(); }

  void StartServer(RpcServer::Options options) {
    server_.reset();
    options.version = "1.2.3";
    options.root = temp_.path();
    server_ =
        *RpcServer::Start(options, {io_, disk_, *store_, fetcher_, flights_,
                                    bandwidth_, admission_, *jobs_, *results_});
    HUBD_CHECK(server_->Listen(socket(), 0600).ok());
    channel_ = ConnectTo(socket());
    hub_ = v1::Hub::NewStub(channel_);
  }

  std::string socket() const { return sockets_.Below("hubd.sock"); }

  // Waits for a state that nothing announces.
  template <class Condition>
  static void AwaitState(Condition condition) {
    while (!condition()) std::this_thread::yield();
  }

  SocketDir sockets_;
  std::unique_ptr<RpcServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::Hub::Stub> hub_;
};

// The reason that a failed call carries; empty where it carries none.
inline std::string ReasonIn(const grpc::Status& status) {
  v1::StatusDetails details;
  v1::ErrorInfo info;
  if (!details.ParseFromString(status.error_details())) return "";
  for (const auto& detail : details.details()) {
    if (detail.type_url() == "type.googleapis.com/google.rpc.ErrorInfo") {
      info.ParseFromString(detail.value());
    }
  }
  return info.reason();
}

// Reads a stream to its end: the result, or how it failed. Progress before the
// result is kept; anything behind the result is an error.
template <class Response>
struct Outcome {
  std::vector<v1::Progress> progress;
  std::optional<Response> result;
  grpc::Status status;
};

template <class Response>
Outcome<Response> ReadAll(grpc::ClientReaderInterface<Response>& reader) {
  Outcome<Response> outcome;
  Response response;
  while (reader.Read(&response)) {
    EXPECT_FALSE(outcome.result.has_value()) << "a message after the result";
    if (response.has_progress()) {
      outcome.progress.push_back(response.progress());
    } else {
      outcome.result = response;
    }
  }
  outcome.status = reader.Finish();
  return outcome;
}

// An interpreter that passes the checks.
inline v1::Interpreter SomeInterpreter() {
  v1::Interpreter interpreter;
  interpreter.set_executable("/usr/bin/python3");
  interpreter.set_prefix("/usr");
  interpreter.set_base_prefix("/usr");
  return interpreter;
}

}  // namespace hubd

#endif  // HUBD_TESTS_SERVER_RPC_RPC_FIXTURE_H_
