// A thread, or the news that there is none.

#ifndef HUBD_SERVER_BASE_THREAD_H_
#define HUBD_SERVER_BASE_THREAD_H_

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

}  // namespace hubd

#endif  // HUBD_SERVER_BASE_THREAD_H_
