#include "client/connection.h"

#include <grpcpp/create_channel_posix.h>
#include <grpcpp/support/channel_arguments.h>

#include "server/base/status.h"

namespace hubd {
namespace {

// The names in a checkpoint that is an archive come in one answer.
constexpr int kMaxAnswer = 64 << 20;

}  // namespace

absl::StatusOr<std::shared_ptr<Connection::Channel>> Connection::Open(
    const DaemonPlace& place, const CallLimit& limit) {
  {
    MutexLock lock(mutex_);
    if (channel_ && place_ == place) return channel_;
  }
  // Without the lock: it may take long, and others have their own limits. Two
  // threads at once make two connections to one daemon; the later one stays.
  HUBD_ASSIGN_OR_RETURN(UniqueFd fd, FindOrStartDaemon(place, limit));
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetMaxReceiveMessageSize(kMaxAnswer);
  // On this very socket, whose peer is known; by its path gRPC would connect
  // again, perhaps to somebody else.
  auto channel = std::make_shared<Channel>(
      grpc::CreateCustomInsecureChannelFromFd("hubd", fd.release(), arguments));
  MutexLock lock(mutex_);
  place_ = place;
  channel_ = channel;
  return channel;
}

void Connection::Drop(const std::shared_ptr<Channel>& channel) {
  MutexLock lock(mutex_);
  if (channel_ == channel) channel_ = nullptr;
}

}  // namespace hubd
