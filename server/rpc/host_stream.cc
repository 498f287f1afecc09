#include "server/rpc/host_stream.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "hubd/worker/v1/worker.grpc.pb.h"
#include "server/base/mutex.h"

namespace hubd {
namespace {

using worker::v1::DaemonMessage;
using worker::v1::HostMessage;

constexpr absl::Duration kConnectTimeout = absl::Seconds(10);

class GrpcDaemonStream final : public DaemonStream {
 public:
  explicit GrpcDaemonStream(std::shared_ptr<grpc::Channel> channel)
      : channel_(std::move(channel)),
        stub_(worker::v1::WorkerHost::NewStub(channel_)),
        stream_(stub_->Serve(&context_)) {}

  // gRPC must be asked how the stream ended before it is destroyed; cancelled,
  // it answers at once.
  ~GrpcDaemonStream() override {
    context_.TryCancel();
    stream_->Finish();
  }

  std::optional<DaemonMessage> Read() override {
    DaemonMessage message;
    if (!stream_->Read(&message)) return std::nullopt;
    return message;
  }

  // One write at a time is gRPC's rule; a read beside it is allowed. The lock
  // guards no state of ours, so that nothing can be called back into it.
  void Write(const HostMessage& message) override {
    MutexLock lock(write_mutex_);
    stream_->Write(message);
  }

 private:
  const std::shared_ptr<grpc::Channel> channel_;  // gRPC's way to hold one
  const std::unique_ptr<worker::v1::WorkerHost::Stub> stub_;
  grpc::ClientContext context_;
  Mutex write_mutex_;
  const std::unique_ptr<grpc::ClientReaderWriter<HostMessage, DaemonMessage>>
      stream_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<DaemonStream>> OpenHostStream(
    const std::string& path) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  std::shared_ptr<grpc::Channel> channel =
      grpc::CreateCustomChannel(absl::StrCat("unix:", path),
                                grpc::InsecureChannelCredentials(), arguments);
  if (!channel->WaitForConnected(
          absl::ToChronoTime(absl::Now() + kConnectTimeout))) {
    return absl::UnavailableError(
        absl::StrCat("no daemon answers at ", path, " within ",
                     absl::FormatDuration(kConnectTimeout)));
  }
  return std::make_unique<GrpcDaemonStream>(std::move(channel));
}

}  // namespace hubd
