#include "server/rpc/host_stream.h"

#include <gtest/gtest.h>

#include <future>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/server/rpc/rpc_fixture.h"

namespace hubd {
namespace {

using worker::v1::DaemonMessage;
using worker::v1::HostMessage;

class HostStreamTest : public RpcFixture {};

TEST_F(HostStreamTest, BringsJobsAndEndsWithTheDaemon) {
  auto stream = *OpenHostStream(socket());
  HostMessage hello;
  hello.mutable_hello()->set_sandbox("full");
  stream->Write(hello);
  std::unique_ptr<JobQueue::Ticket> ticket;
  OnIo([&] {
    ticket = jobs_->Submit(::getuid(), {},
                           [](const absl::StatusOr<worker::v1::JobDone>&) {});
  });
  std::optional<DaemonMessage> message = stream->Read();
  ASSERT_TRUE(message.has_value());
  EXPECT_TRUE(message->has_start());
  server_->Shutdown(absl::Seconds(60));
  EXPECT_FALSE(stream->Read().has_value());
  stream->Write(hello);  // Dropped.
  OnIo([&] { ticket = nullptr; });
}

TEST_F(HostStreamTest, ManyThreadsWriteAtOnce) {
  auto stream = *OpenHostStream(socket());
  HostMessage message;
  message.mutable_hello()->set_sandbox("full");
  stream->Write(message);
  message.mutable_done()->set_job_id(99);
  {
    std::vector<std::jthread> writers;
    for (int i = 0; i < 4; ++i) {
      writers.emplace_back([&] {
        for (int j = 0; j < 50; ++j) stream->Write(message);
      });
    }
  }
  std::promise<std::string> level;
  OnIo([&] {
    jobs_->DescribeSandbox(::getuid(), [&](const JobQueue::Sandbox& sandbox) {
      level.set_value(sandbox.level);
    });
  });
  EXPECT_EQ(level.get_future().get(), "full");
}

}  // namespace
}  // namespace hubd
