// Plays a git host: one answer for every repository, or a failure; counts.

#ifndef HUBD_TESTS_TESTING_FAKE_GIT_REMOTE_H_
#define HUBD_TESTS_TESTING_FAKE_GIT_REMOTE_H_

#include <stop_token>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "server/base/mutex.h"
#include "server/net/git_remote.h"

namespace hubd {

// Thread-safe.
class FakeGitRemote final : public GitRemote {
 public:
  void Answer(absl::StatusOr<Advertisement> answer) {
    MutexLock lock(mutex_);
    answer_ = std::move(answer);
  }

  int calls() const {
    MutexLock lock(mutex_);
    return calls_;
  }

  absl::StatusOr<Advertisement> ListRefs(const GitSource&,
                                         std::stop_token) override {
    MutexLock lock(mutex_);
    ++calls_;
    return answer_;
  }

 private:
  mutable Mutex mutex_;
  int calls_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::StatusOr<Advertisement> answer_ ABSL_GUARDED_BY(mutex_) =
      Advertisement{};
};

}  // namespace hubd

#endif  // HUBD_TESTS_TESTING_FAKE_GIT_REMOTE_H_
