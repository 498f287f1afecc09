// How far a flight has come.

#ifndef HUBD_SERVER_BASE_PROGRESS_H_
#define HUBD_SERVER_BASE_PROGRESS_H_

#include <cstdint>
#include <functional>
#include <string>

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
  };

  Phase phase = Phase::kQueued;
  // What it is about: a repo at a commit, or a URL without its query.
  std::string subject;
  int64_t done_bytes = 0;
  // 0 where the origin does not say.
  int64_t total_bytes = 0;
};

using ProgressFn = std::function<void(const Progress&)>;

}  // namespace hubd

#endif  // HUBD_SERVER_BASE_PROGRESS_H_
