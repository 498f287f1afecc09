// Plays a git host: one answer for every repository, or a failure; another one
// for whoever lends a token; counts; can hold answers back.

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

  // What it is for callers with this GITHUB_TOKEN.
  void AnswerTo(const std::string& token,
                absl::StatusOr<Advertisement> answer) {
    MutexLock lock(mutex_);
    token_ = token;
    token_answer_ = std::move(answer);
  }

  // From now on answers wait for Release.
  void Hold() {
    MutexLock lock(mutex_);
    held_ = true;
  }
  void Release() {
    MutexLock lock(mutex_);
    held_ = false;
    changed_.NotifyAll();
  }

  int calls() const {
    MutexLock lock(mutex_);
    return calls_;
  }

  absl::StatusOr<Advertisement> ListRefs(const GitSource& source,
                                         std::stop_token) override {
    MutexLock lock(mutex_);
    ++calls_;
    while (held_) changed_.Wait(mutex_);
    const std::string token = VariableOf(source.environment, "GITHUB_TOKEN");
    return !token.empty() && token == token_ ? token_answer_ : answer_;
  }

 private:
  mutable Mutex mutex_;
  CondVar changed_;
  int calls_ ABSL_GUARDED_BY(mutex_) = 0;
  bool held_ ABSL_GUARDED_BY(mutex_) = false;
  std::string token_ ABSL_GUARDED_BY(mutex_);
  absl::StatusOr<Advertisement> token_answer_ ABSL_GUARDED_BY(mutex_) =
      Advertisement{};
  absl::StatusOr<Advertisement> answer_ ABSL_GUARDED_BY(mutex_) =
      Advertisement{};
};

}  // namespace hubd

#endif  // HUBD_TESTS_TESTING_FAKE_GIT_REMOTE_H_
