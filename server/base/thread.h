// A thread, or the news that there is none; how much it gets of the processors.

#ifndef HUBD_SERVER_BASE_THREAD_H_
#define HUBD_SERVER_BASE_THREAD_H_

#include <unistd.h>

#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace hubd {

// What to say when the system gives no thread.
inline absl::Status NoThread(const std::system_error& error) {
  return absl::ResourceExhaustedError(
      absl::StrCat("cannot start a thread: ", error.code().message(),
                   "; end some programs, or raise the limit (ulimit -u)"));
}

// Starts a thread that runs `work`; RESOURCE_EXHAUSTED where the system gives
// none.
template <class Work>
absl::StatusOr<std::jthread> StartThread(Work work) {
  try {
    return std::jthread(std::move(work));
  } catch (const std::system_error& error) {
    return NoThread(error);
  }
}

// From here on the calling thread gets, while there are too few processors, a
// third of what others get. A hint; and for good, since nobody may take it
// back.
inline void GiveWay() {
  // POSIX means the process; Linux, and so glibc, the thread.
  constexpr int kSteps = 5;
  [[maybe_unused]] const int ignored = ::nice(kSteps);
}

}  // namespace hubd

#endif  // HUBD_SERVER_BASE_THREAD_H_
