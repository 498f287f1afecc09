#include "server/rpc/stream_call.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "hubd/v1/hub.grpc.pb.h"
#include "server/base/executor.h"
#include "server/base/status.h"
#include "tests/server/rpc/bare_server.h"

namespace hubd {
namespace {

using LoadCall = StreamCall<v1::LoadResponse>;
using Found = std::optional<absl::StatusOr<v1::LoadResponse>>;

// Hands each Load's StreamCall to the test.
class LoadService final : public v1::Hub::CallbackService {
 public:
  explicit LoadService(IoThread& io) : io_(io) {}

  grpc::ServerWriteReactor<v1::LoadResponse>* Load(
      grpc::CallbackServerContext*, const v1::LoadRequest*) override {
    std::shared_ptr<LoadCall> call =
        LoadCall::Open(io_, calls_, {.method = "Load"});
    opened_.set_value(call);
    return call.get();
  }

  std::shared_ptr<LoadCall> call() { return opened_.get_future().get(); }
  CallRegistry& calls() { return calls_; }

 private:
  IoThread& io_;
  CallRegistry calls_;
  std::promise<std::shared_ptr<LoadCall>> opened_;
};

v1::LoadResponse ProgressOf(int64_t done_bytes, std::string subject = "") {
  v1::LoadResponse response;
  response.mutable_progress()->set_done_bytes(done_bytes);
  response.mutable_progress()->set_subject(std::move(subject));
  return response;
}

v1::LoadResponse ResultOf(const std::string& repo) {
  v1::LoadResponse response;
  response.mutable_result()->mutable_tree()->set_repo(repo);
  return response;
}

class StreamCallTest : public testing::Test {
 protected:
  StreamCallTest() {
    stub_ = v1::Hub::NewStub(ConnectTo(server_.path()));
    reader_ = stub_->Load(&context_, {});
    call_ = service_.call();
  }

  ~StreamCallTest() override {
    context_.TryCancel();
    call_ = nullptr;
    service_.calls().AwaitNone(std::chrono::steady_clock::time_point::max());
  }

  // All messages, and how the stream ended.
  std::pair<std::vector<v1::LoadResponse>, grpc::Status> ReadAll() {
    std::vector<v1::LoadResponse> messages;
    v1::LoadResponse message;
    while (reader_->Read(&message)) messages.push_back(message);
    return {messages, reader_->Finish()};
  }

  // Gives the call work, and returns when it is there.
  void RunWork(std::function<void()> on_drop) {
    std::promise<void> started;
    call_->Run([&] {
      std::shared_ptr<void> work(nullptr, [on_drop](void*) { on_drop(); });
      started.set_value();
      return work;
    });
    started.get_future().wait();
  }

  IoThread io_;
  LoadService service_{io_};
  BareServer server_{service_};
  std::unique_ptr<v1::Hub::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::LoadResponse>> reader_;
  std::shared_ptr<LoadCall> call_;
};

TEST_F(StreamCallTest, ProgressThenOneResultThenOk) {
  call_->SendProgress(ProgressOf(1));
  v1::LoadResponse first;
  ASSERT_TRUE(reader_->Read(&first));
  EXPECT_EQ(first.progress().done_bytes(), 1);
  call_->SendResult(ResultOf("r"));
  call_->SendResult(ResultOf("second"));
  call_->SendProgress(ProgressOf(2));
  auto [messages, status] = ReadAll();
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(messages[0].result().tree().repo(), "r");
  EXPECT_TRUE(status.ok());
}

TEST_F(StreamCallTest, AnErrorEndsTheStreamWithItsDetails) {
  call_->Fail(ReasonError(Reason::kOfflineMiss, "not cached"));
  call_->SendResult(ResultOf("late"));
  auto [messages, status] = ReadAll();
  EXPECT_TRUE(messages.empty());
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  v1::StatusDetails details;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  EXPECT_EQ(details.details_size(), 1);
}

TEST_F(StreamCallTest, AClientThatDoesNotReadCostsOneMessage) {
  constexpr int kSent = 2000;
  for (int i = 1; i <= kSent; ++i) {
    call_->SendProgress(ProgressOf(i, std::string(100'000, 's')));
  }
  call_->SendResult(ResultOf("r"));
  auto [messages, status] = ReadAll();
  EXPECT_TRUE(status.ok());
  // What the windows of HTTP/2 took, and the result.
  EXPECT_LT(messages.size(), 200u);
  EXPECT_EQ(messages.back().result().tree().repo(), "r");
}

TEST_F(StreamCallTest, TheNewestProgressReplacesWhatWaits) {
  for (int i = 1; i <= 500; ++i) {
    call_->SendProgress(ProgressOf(i, std::string(100'000, 's')));
  }
  v1::LoadResponse message;
  do {
    ASSERT_TRUE(reader_->Read(&message));
  } while (message.progress().done_bytes() != 500);
}

TEST_F(StreamCallTest, ACancelDropsTheWorkOnTheIoThread) {
  std::promise<std::thread::id> dropped;
  RunWork([&] { dropped.set_value(std::this_thread::get_id()); });
  std::promise<std::thread::id> io;
  io_.Post([&] { io.set_value(std::this_thread::get_id()); });
  context_.TryCancel();
  EXPECT_EQ(dropped.get_future().get(), io.get_future().get());
}

TEST_F(StreamCallTest, WorkIsDroppedAfterTheResult) {
  std::promise<void> dropped;
  RunWork([&] { dropped.set_value(); });
  call_->SendResult(ResultOf("r"));
  EXPECT_TRUE(ReadAll().second.ok());
  dropped.get_future().wait();
}

TEST_F(StreamCallTest, WorkOfACallThatHasEndedIsNotStarted) {
  call_->Fail(absl::InternalError("no"));
  bool started = false;
  call_->Run([&] {
    started = true;
    return nullptr;
  });
  std::promise<void> reached;
  io_.Post([&] { reached.set_value(); });
  reached.get_future().wait();
  EXPECT_FALSE(started);
}

TEST_F(StreamCallTest, WhatALookUpGivesEndsTheCallWithoutWork) {
  ThreadPool disk("disk", 1);
  std::atomic<bool> worked = false;
  call_->Run(
      disk, []() -> Found { return ResultOf("found"); },
      [&] {
        worked = true;
        return nullptr;
      });
  auto [messages, status] = ReadAll();
  EXPECT_TRUE(status.ok());
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(messages[0].result().tree().repo(), "found");
  EXPECT_FALSE(worked);
}

TEST_F(StreamCallTest, ALookUpMayFailTheCallOrLeaveItToTheWork) {
  ThreadPool disk("disk", 1);
  call_->Run(
      disk, []() -> Found { return std::nullopt; },
      [call = std::weak_ptr(call_)] {
        call.lock()->Fail(absl::NotFoundError("by the work"));
        return nullptr;
      });
  EXPECT_EQ(ReadAll().second.error_message(), "by the work");
}

TEST_F(StreamCallTest, WhatIsFoundAtOnceEndsTheCall) {
  EXPECT_FALSE(call_->AnswerFrom([]() -> Found { return std::nullopt; }));
  EXPECT_TRUE(call_->AnswerFrom([]() -> Found { return ResultOf("found"); }));
  auto [messages, status] = ReadAll();
  EXPECT_TRUE(status.ok());
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(messages[0].result().tree().repo(), "found");
}

TEST_F(StreamCallTest, ACallThatHasEndedLooksNothingUp) {
  ThreadPool disk("disk", 1);
  call_->Fail(absl::NotFoundError("gone"));
  bool looked = false;
  EXPECT_TRUE(call_->AnswerFrom([&]() -> Found {
    looked = true;
    return std::nullopt;
  }));
  call_->Run(
      disk,
      [&]() -> Found {
        looked = true;
        return std::nullopt;
      },
      [] { return nullptr; });
  std::promise<void> ran;
  disk.Post([&] { ran.set_value(); });
  ran.get_future().wait();
  EXPECT_FALSE(looked);
}

}  // namespace
}  // namespace hubd
