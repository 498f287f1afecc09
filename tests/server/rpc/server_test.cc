#include "server/rpc/server.h"

#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>

#include <thread>

#include "hubd/v1/cache.pb.h"
#include "tests/server/rpc/rpc_fixture.h"

namespace hubd {
namespace {

constexpr char kCheck[] = "/grpc.health.v1.Health/Check";
constexpr char kWatch[] = "/grpc.health.v1.Health/Watch";
constexpr char kReflection[] =
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
constexpr int kServing = 1;
constexpr int kNotServing = 2;
constexpr int kServiceUnknown = 3;

// Messages with the same fields on the wire as health's: a name as field 1, a
// number as field 1.
using HealthRequest = v1::GetDirResponse;
using HealthResponse = v1::ListTreesRequest;

// Any method as a stream, one step at a time.
class RawStream {
 public:
  RawStream(const std::shared_ptr<grpc::Channel>& channel, const char* method)
      : stub_(channel), stream_(stub_.PrepareCall(&context_, method, &queue_)) {
    stream_->StartCall(this);
    Step();
  }
  ~RawStream() {
    context_.TryCancel();
    queue_.Shutdown();
    void* tag;
    bool ok;
    while (queue_.Next(&tag, &ok)) {
    }
  }

  void Send(const std::string& name) {
    HealthRequest request;
    request.set_root(name);
    stream_->Write(request, this);
    Step();
    stream_->WritesDone(this);
    Step();
  }

  // The number in the next message; -1 when there is none.
  int Next() {
    HealthResponse response;
    stream_->Read(&response, this);
    return Step() ? response.page_size() : -1;
  }

  grpc::Status Finish() {
    grpc::Status status;
    stream_->Finish(&status, this);
    Step();
    return status;
  }

 private:
  bool Step() {
    void* tag;
    bool ok = false;
    EXPECT_TRUE(queue_.Next(&tag, &ok));
    return ok;
  }

  grpc::CompletionQueue queue_;
  grpc::ClientContext context_;
  grpc::TemplatedGenericStub<HealthRequest, HealthResponse> stub_;
  std::unique_ptr<grpc::ClientAsyncReaderWriter<HealthRequest, HealthResponse>>
      stream_;
};

class ServerTest : public RpcFixture {
 protected:
  // What health says of a service; -1 where it knows none such.
  int HealthOf(const std::string& service) {
    RawStream check(channel_, kCheck);
    check.Send(service);
    int status = check.Next();
    grpc::StatusCode code = check.Finish().error_code();
    EXPECT_EQ(code, status == -1 ? grpc::StatusCode::NOT_FOUND
                                 : grpc::StatusCode::OK);
    return status;
  }

  // Starts a fetch that the origin does not finish.
  void StartHeldFetch() {
    FakeHttpTransport::Answer answer;
    answer.response.status = 200;
    answer.response.content_length = 8;
    answer.body = "8 bytes!";
    answer.held = true;
    http_.Set(kUrl, answer);
    v1::FetchStateDictRequest request;
    request.set_url(kUrl);
    reader_ = hub_->FetchStateDict(&context_, request);
    http_.AwaitRequests(1);
  }

  grpc::Status GetDirStatus() {
    grpc::ClientContext context;
    v1::GetDirResponse response;
    return hub_->GetDir(&context, {}, &response);
  }

  static constexpr char kUrl[] = "https://example.com/w.pth";
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::FetchStateDictResponse>> reader_;
};

TEST_F(ServerTest, HealthKnowsTheServicesAndNoOthers) {
  for (const char* service :
       {"", "hubd.v1.Hub", "hubd.v1.Cache", "hubd.v1.Trust"}) {
    EXPECT_EQ(HealthOf(service), kServing) << service;
  }
  EXPECT_EQ(HealthOf("hubd.v1.Nothing"), -1);
  RawStream watch(channel_, kWatch);
  watch.Send("hubd.v1.Nothing");
  EXPECT_EQ(watch.Next(), kServiceUnknown);
}

TEST_F(ServerTest, HealthSaysNotServingWhileDraining) {
  RawStream watch(channel_, kWatch);
  watch.Send("hubd.v1.Hub");
  EXPECT_EQ(watch.Next(), kServing);
  server_->BeginDrain();
  EXPECT_EQ(watch.Next(), kNotServing);
  EXPECT_EQ(HealthOf(""), kNotServing);
  EXPECT_EQ(HealthOf("hubd.v1.Hub"), kNotServing);
}

TEST_F(ServerTest, ReflectionIsThereOnlyWhenAskedFor) {
  auto reflection = [this] {
    RawStream stream(channel_, kReflection);
    stream.Send("");
    stream.Next();
    return stream.Finish().error_code();
  };
  EXPECT_EQ(reflection(), grpc::StatusCode::UNIMPLEMENTED);
  RpcServer::Options options;
  options.reflection = true;
  StartServer(options);
  EXPECT_EQ(reflection(), grpc::StatusCode::OK);
}

TEST_F(ServerTest, DrainingRefusesNewCallsAndLetsOpenOnesEnd) {
  StartHeldFetch();
  server_->BeginDrain();
  grpc::Status refused = GetDirStatus();
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonIn(refused), "DRAINING");
  http_.Release();
  auto outcome = ReadAll<v1::FetchStateDictResponse>(*reader_);
  EXPECT_TRUE(outcome.status.ok()) << outcome.status.error_message();
}

TEST_F(ServerTest, ShutdownEndsOpenCallsAndStreamsWellWithinTheGrace) {
  StartHeldFetch();
  RawStream watch(channel_, kWatch);
  watch.Send("");
  EXPECT_EQ(watch.Next(), kServing);
  absl::Time start = absl::Now();
  server_->Shutdown(absl::Seconds(60));
  EXPECT_LT(absl::Now() - start, absl::Seconds(10));
  auto outcome = ReadAll<v1::FetchStateDictResponse>(*reader_);
  EXPECT_EQ(ReasonIn(outcome.status), "DRAINING");
  EXPECT_NE(::access(socket().c_str(), F_OK), 0);
}

TEST_F(ServerTest, ACancelledCallStopsItsFlight) {
  StartHeldFetch();
  EXPECT_EQ(flights_.size(), 1);
  EXPECT_EQ(server_->open_calls(), 1);
  context_.TryCancel();
  AwaitState([this] { return flights_.size() == 0; });
  AwaitState([this] { return server_->open_calls() == 0; });
  EXPECT_GE(server_->idle_since(), absl::Now() - absl::Minutes(1));
}

TEST_F(ServerTest, ListeningAnewKeepsTheCallsThatAreOpen) {
  StartHeldFetch();
  EXPECT_TRUE(server_->StillListening());
  ASSERT_EQ(::unlink(socket().c_str()), 0);
  EXPECT_FALSE(server_->StillListening());
  ASSERT_TRUE(server_->Listen(socket(), 0600).ok());
  EXPECT_TRUE(server_->StillListening());
  hub_ = v1::Hub::NewStub(ConnectTo(socket()));
  EXPECT_TRUE(GetDirStatus().ok());
  http_.Release();
  EXPECT_TRUE(ReadAll<v1::FetchStateDictResponse>(*reader_).status.ok());
}

TEST_F(ServerTest, AnotherDaemonsSocketIsNotTaken) {
  auto other =
      *RpcServer::Start({}, {io_, disk_, *store_, fetcher_, flights_,
                             bandwidth_, admission_, *jobs_, *results_});
  EXPECT_FALSE(other->Listen(socket(), 0600).ok());
  EXPECT_TRUE(GetDirStatus().ok());
}

}  // namespace
}  // namespace hubd
