#include "server/rpc/worker_host_service.h"

#include <gtest/gtest.h>

#include "hubd/worker/v1/worker.grpc.pb.h"
#include "tests/server/rpc/rpc_fixture.h"

namespace hubd {
namespace {

using worker::v1::DaemonMessage;
using worker::v1::HostMessage;
using worker::v1::JobDone;

class WorkerHostServiceTest : public RpcFixture {
 protected:
  ~WorkerHostServiceTest() override {
    if (!finished_) {
      context_.TryCancel();
      Finish();
    }
    OnIo([this] { ticket_.reset(); });
  }

  // Once only is gRPC's rule.
  grpc::Status Finish() {
    finished_ = true;
    return stream_->Finish();
  }

  void Submit() {
    OnIo([this] {
      ticket_ =
          jobs_->Submit(::getuid(), {}, [this](absl::StatusOr<JobDone> done) {
            done_.set_value(std::move(done));
          });
    });
  }

  void SayHello() {
    HostMessage hello;
    hello.mutable_hello()->set_sandbox("full");
    stream_->Write(hello);
  }

  grpc::ClientContext context_;
  std::unique_ptr<worker::v1::WorkerHost::Stub> stub_ =
      worker::v1::WorkerHost::NewStub(channel_);
  std::unique_ptr<grpc::ClientReaderWriter<HostMessage, DaemonMessage>>
      stream_ = stub_->Serve(&context_);
  bool finished_ = false;
  std::promise<absl::StatusOr<JobDone>> done_;
  std::unique_ptr<JobQueue::Ticket> ticket_;
};

TEST_F(WorkerHostServiceTest, AHostTakesItsUsersJobsAndAnswersThem) {
  Submit();
  SayHello();
  DaemonMessage message;
  ASSERT_TRUE(stream_->Read(&message));
  HostMessage answer;
  answer.mutable_done()->set_job_id(message.start().job_id());
  answer.mutable_done()->set_output("out");
  stream_->Write(answer);
  EXPECT_EQ(done_.get_future().get()->output(), "out");
  EXPECT_EQ(server_->open_calls(), 0) << "a host is no reason to stay awake";
}

TEST_F(WorkerHostServiceTest, ADroppedJobIsCancelledAtTheHost) {
  Submit();
  SayHello();
  DaemonMessage message;
  ASSERT_TRUE(stream_->Read(&message));
  uint64_t job = message.start().job_id();
  OnIo([this] { ticket_.reset(); });
  ASSERT_TRUE(stream_->Read(&message));
  EXPECT_EQ(message.cancel().job_id(), job);
}

TEST_F(WorkerHostServiceTest, AHostThatGoesLeavesItsJobToTheNext) {
  Submit();
  SayHello();
  DaemonMessage message;
  ASSERT_TRUE(stream_->Read(&message));
  stream_->WritesDone();
  EXPECT_FALSE(stream_->Read(&message));
  EXPECT_TRUE(Finish().ok());
  grpc::ClientContext context;
  auto next = stub_->Serve(&context);
  HostMessage hello;
  hello.mutable_hello()->set_sandbox("full");
  next->Write(hello);
  ASSERT_TRUE(next->Read(&message));
  EXPECT_TRUE(message.has_start());
  context.TryCancel();
  next->Finish();
}

TEST_F(WorkerHostServiceTest, WhoSaysHelloTwiceIsCut) {
  SayHello();
  SayHello();
  DaemonMessage message;
  EXPECT_FALSE(stream_->Read(&message));
  EXPECT_EQ(Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(WorkerHostServiceTest, WhoAnswersBeforeHelloIsCut) {
  HostMessage message;
  message.mutable_done()->set_job_id(1);
  stream_->Write(message);
  DaemonMessage answer;
  EXPECT_FALSE(stream_->Read(&answer));
  EXPECT_EQ(Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace hubd
