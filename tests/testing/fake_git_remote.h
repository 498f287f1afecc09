// Plays git hosts: one answer for every repository, or a failure, and others
// for those of chosen URLs; records who was asked.

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
    auto found = answers_.find(source.url);
    return found == answers_.end() ? answer_ : found->second;
  }

 private:
  mutable Mutex mutex_;
  std::vector<std::string> asked_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, absl::StatusOr<Advertisement>> answers_
      ABSL_GUARDED_BY(mutex_);
  absl::StatusOr<Advertisement> answer_ ABSL_GUARDED_BY(mutex_) =
      Advertisement{};
};

}  // namespace hubd

#endif  // HUBD_TESTS_TESTING_FAKE_GIT_REMOTE_H_
