// What the supervisor tells the launcher stage, as bytes.
//
// One holds the other's program, so both are of one build and the bytes carry
// no version.

#ifndef HUBD_SERVER_SANDBOX_ORDERS_H_
#define HUBD_SERVER_SANDBOX_ORDERS_H_

#include <sys/types.h>

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/sandbox/policy.h"

namespace hubd {

struct LaunchOrders {
  SandboxPolicy policy;
  // The supervisor's process: without it there is nothing to launch for.
  pid_t parent = 0;
};

// Where the launcher stage finds its orders, where bubblewrap reports, and what
// the stage was executed from.
inline constexpr int kOrdersFd = 5;
inline constexpr int kStatusFd = 6;
inline constexpr int kProgramFd = 7;

std::string EncodeOrders(const LaunchOrders& orders);
absl::StatusOr<LaunchOrders> DecodeOrders(absl::string_view bytes);

}  // namespace hubd

#endif  // HUBD_SERVER_SANDBOX_ORDERS_H_
