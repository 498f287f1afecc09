// Plays git hosts: one answer for every repository, or a failure, and others
// for those of chosen URLs or for whoever lends a token; records who was asked;
// can hold answers back.

#ifndef HUBD_TESTS_TESTING_FAKE_GIT_REMOTE_H_
#define HUBD_TESTS_TESTING_FAKE_GIT_REMOTE_H_

#include <map>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

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

  void AnswerAt(const std::string& url, absl::StatusOr<Advertisement> answer) {
    MutexLock lock(mutex_);
    answers_.insert_or_assign(url, std::move(answer));
  }

  int calls() const { return static_cast<int>(asked().size()); }

  // The URLs, in the order of asking.
  std::vector<std::string> asked() const {
    MutexLock lock(mutex_);
    return asked_;
  }

  absl::StatusOr<Advertisement> ListRefs(const GitSource& source,
                                         std::stop_token) override {
    MutexLock lock(mutex_);
    asked_.push_back(source.url);
    while (held_) changed_.Wait(mutex_);
    const std::string token = VariableOf(source.environment, "GITHUB_TOKEN");
    if (!token.empty() && token == token_) return token_answer_;
    auto found = answers_.find(source.url);
    return found == answers_.end() ? answer_ : found->second;
  }

 private:
  mutable Mutex mutex_;
  std::vector<std::string> asked_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, absl::StatusOr<Advertisement>> answers_
      ABSL_GUARDED_BY(mutex_);
  CondVar changed_;
  bool held_ ABSL_GUARDED_BY(mutex_) = false;
  std::string token_ ABSL_GUARDED_BY(mutex_);
  absl::StatusOr<Advertisement> token_answer_ ABSL_GUARDED_BY(mutex_) =
      Advertisement{};
  absl::StatusOr<Advertisement> answer_ ABSL_GUARDED_BY(mutex_) =
      Advertisement{};
};

}  // namespace hubd

#endif  // HUBD_TESTS_TESTING_FAKE_GIT_REMOTE_H_
