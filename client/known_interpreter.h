// The caller's Python, asked once.

#ifndef HUBD_CLIENT_KNOWN_INTERPRETER_H_
#define HUBD_CLIENT_KNOWN_INTERPRETER_H_

#include <chrono>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/call_limit.h"
#include "hubd/v1/hub.pb.h"
#include "server/base/mutex.h"

namespace hubd {

// Keeps what an interpreter said of itself, since asking takes as long as a
// Python takes to start. It is asked again when another program is wanted, when
// the environment or the working directory is another, and after `max_age`: so
// late is seen that an installation became another one. Thread-safe.
class KnownInterpreter {
 public:
  explicit KnownInterpreter(absl::Duration max_age = absl::Seconds(10))
      : max_age_(max_age) {}

  // Errors: those of DescribeInterpreter, which are not kept.
  absl::StatusOr<v1::Interpreter> Describe(const std::string& program,
                                           const CallLimit& limit);

 private:
  struct Answer {
    v1::Interpreter interpreter;
    // What the caller had when it was asked.
    std::string question;
    std::chrono::steady_clock::time_point asked_at;
  };

  const absl::Duration max_age_;
  Mutex mutex_;
  std::optional<Answer> answer_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace hubd

#endif  // HUBD_CLIENT_KNOWN_INTERPRETER_H_
