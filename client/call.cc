#include "client/call.h"

#include <algorithm>
#include <chrono>
#include <stop_token>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/error.h"

namespace hubd {
namespace {

constexpr int kReissues = 5;
// About 40 s; a drain takes up to 30 s.
constexpr int kDrainReissues = 42;
constexpr absl::Duration kFirstPause = absl::Milliseconds(50);
constexpr absl::Duration kLongestPause = absl::Seconds(1);
// The daemon's.
constexpr size_t kMaxRequest = 4 << 20;

// What is left of them.
struct Tries {
  int losses = kReissues;
  int drains = kDrainReissues;
  absl::Duration pause = kFirstPause;
};

grpc::Status RunAttempt(const Attempt& attempt, Connection::Channel& channel,
                        const CallLimit& limit, bool& begun) {
  grpc::ClientContext context;
  if (limit.Left() != absl::InfiniteDuration()) {
    context.set_deadline(std::chrono::system_clock::now() +
                         absl::ToChronoMicroseconds(limit.Left()));
  }
  const std::stop_callback on_cancel(limit.cancel(),
                                     [&context] { context.TryCancel(); });
  return attempt(channel, context, begun);
}

absl::Status EndedInTheMiddle() {
  return absl::AbortedError(
      "hubd ended in the middle of it: run it again; what it had removed by "
      "then is in its log only (event=damaged)");
}

}  // namespace

absl::Status CheckSize(const google::protobuf::Message& request) {
  const size_t size = request.ByteSizeLong();
  if (size <= kMaxRequest) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the request has ", size, " bytes, and hubd takes at most ",
                   kMaxRequest, ": shorten its names and paths"));
}

absl::Status IssueCall(const CallTarget& target, const Attempt& attempt,
                       OnceBegun once_begun) {
  const CallLimit& limit = target.limit;
  Tries tries;
  while (true) {
    HUBD_RETURN_IF_ERROR(limit.Check());
    HUBD_ASSIGN_OR_RETURN(const std::shared_ptr<Connection::Channel> channel,
                          target.connection.Open(target.place, limit));
    bool begun = false;
    const grpc::Status status = RunAttempt(attempt, *channel, limit, begun);
    if (status.ok()) return absl::OkStatus();
    // What the limit did is told in the client's words.
    if (status.error_code() == grpc::StatusCode::CANCELLED) {
      HUBD_RETURN_IF_ERROR(limit.Check());
    }
    if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED &&
        limit.Left() != absl::InfiniteDuration()) {
      return limit.TimeIsUp();
    }
    if (!MayReissue(status)) return FromGrpc(status);
    target.connection.Drop(channel);
    if (begun && once_begun == OnceBegun::kFail) return EndedInTheMiddle();
    if (begun && once_begun == OnceBegun::kRenew) {
      // Not the pause: a daemon may end each time, soon after it has begun.
      const absl::Duration pause = tries.pause;
      tries = Tries();
      tries.pause = pause;
    }
    if ((IsDraining(status) ? tries.drains : tries.losses)-- == 0) {
      return Annotate(FromGrpc(status), IsDraining(status)
                                            ? "hubd did not end in 40 seconds"
                                            : "hubd was lost again and again");
    }
    HUBD_RETURN_IF_ERROR(limit.Pause(tries.pause));
    tries.pause = std::min(2 * tries.pause, kLongestPause);
  }
}

}  // namespace hubd
