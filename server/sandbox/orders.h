// What the supervisor tells the launcher stage, as bytes.
//
// Both are the same program of the same build, so the bytes carry no version.

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

// Where the launcher stage finds its orders, and where bubblewrap reports.
inline constexpr int kOrdersFd = 5;
inline constexpr int kStatusFd = 6;

std::string EncodeOrders(const LaunchOrders& orders);
absl::StatusOr<LaunchOrders> DecodeOrders(absl::string_view bytes);

}  // namespace hubd

#endif  // HUBD_SERVER_SANDBOX_ORDERS_H_
