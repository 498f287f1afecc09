// Asks for URLs, one after another, and stamps the answers.
//
//   waiter URL...
//
// Says "ready" once it is connected, and begins when its input ends. Prints a
// line for each URL: when its answer came, in microseconds since 1970, or 0
// where it had not to wait.

#include <cstdio>
#include <iostream>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "client/client.h"

namespace hubd {
namespace {

// False, having said why, where a call failed.
bool Told(const absl::Status& status) {
  if (!status.ok()) std::cerr << status << "\n";
  return status.ok();
}

bool Run(int count, char** urls) {
  Client client;
  if (!Told(client.GetDir().status())) return false;
  std::puts("ready");
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  for (int i = 0; i < count; ++i) {
    const absl::StatusOr<v1::Checkpoint> got =
        client.FetchStateDict({.url = urls[i]});
    const int64_t now = absl::GetCurrentTimeNanos() / 1000;
    if (!Told(got.status())) return false;
    std::printf("%lld\n", got->cached() ? 0LL : static_cast<long long>(now));
  }
  return true;
}

}  // namespace
}  // namespace hubd

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: waiter URL...\n";
    return 2;
  }
  return hubd::Run(argc - 1, argv + 1) ? 0 : 1;
}
