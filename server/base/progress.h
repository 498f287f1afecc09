// How far a flight has come.

#ifndef HUBD_SERVER_BASE_PROGRESS_H_
#define HUBD_SERVER_BASE_PROGRESS_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/time/time.h"

namespace hubd {

// A later value replaces all earlier ones.
struct Progress {
  enum class Phase {
    kQueued,
    kResolving,
    kDownloading,
    kUnpacking,
    kRunning,
    kVerifying,
    kImporting,
    // The origin has been asked, and has not yet answered.
    kConnecting,
    // Between a failure that may pass and the next try.
    kWaiting,
  };

  Phase phase = Phase::kQueued;
  // What it is about: a repo at a commit, or a URL without its query.
  std::string subject = {};
  int64_t done_bytes = 0;
  // 0 where the origin does not say.
  int64_t total_bytes = 0;
  // Of a download: requests under way, and those that have failed so far.
  int connections = 0;
  int failures = 0;
  // Why the last of them failed, a sentence without a secret; empty: none did.
  std::string last_error = {};
  // When a wait ends.
  absl::Time resume_at = absl::InfinitePast();
};

using ProgressFn = std::function<void(const Progress&)>;

}  // namespace hubd

#endif  // HUBD_SERVER_BASE_PROGRESS_H_
