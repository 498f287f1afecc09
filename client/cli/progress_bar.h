// Shows on stderr how far a call has come.

#ifndef HUBD_CLIENT_CLI_PROGRESS_BAR_H_
#define HUBD_CLIENT_CLI_PROGRESS_BAR_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>

#include "absl/time/time.h"
#include "hubd/v1/hub.pb.h"
#include "server/base/mutex.h"

namespace hubd {

// "downloading" and the like.
const char* PhaseName(v1::Progress::Phase phase);

// "12:03:04", of this machine's day.
std::string ClockTime(int64_t unix_seconds);

// One line for people, `width` columns at most (0: no limit): what happens,
// percent, bytes, rate, time left (of a wait: its end, and why), and the
// subject, as far as they are known. `rate` is in bytes a second, 0 for
// unknown.
std::string FormatProgress(const v1::Progress& progress, double rate,
                           int width);

// On a terminal, a line that is drawn again ten times a second and wiped when
// this goes; elsewhere a plain line every five seconds. Nothing appears in the
// first half second. Thread-safe.
class ProgressBar {
 public:
  struct Options {
    bool enabled = true;
    int fd = 2;
    absl::Duration quiet = absl::Milliseconds(500);
    absl::Duration redraw = absl::Milliseconds(100);
    absl::Duration plain_every = absl::Seconds(5);
  };

  explicit ProgressBar(const Options& options);
  ~ProgressBar();

  void Update(const v1::Progress& progress);

 private:
  using Clock = std::chrono::steady_clock;

  // Draws until `stopping_`. Runs on its own thread, so that the rate falls and
  // the line stays when no message comes.
  void Run();
  void Draw(const std::string& line);
  std::string Line(Clock::time_point when, int width) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  const bool terminal_;
  const Clock::time_point begin_ = Clock::now();
  // Used by Run only.
  bool drawn_ = false;

  Mutex mutex_;
  CondVar condition_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<v1::Progress> latest_ ABSL_GUARDED_BY(mutex_);
  // Where the rate is measured from.
  int64_t first_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  Clock::time_point first_time_ ABSL_GUARDED_BY(mutex_);
  // Last, so that all above is there when it starts.
  std::thread thread_;
};

}  // namespace hubd

#endif  // HUBD_CLIENT_CLI_PROGRESS_BAR_H_
