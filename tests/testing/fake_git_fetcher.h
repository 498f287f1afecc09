// Plays git hosts' objects: one answer about a commit, one archive of files;
// and a failure at chosen URLs.

#ifndef HUBD_TESTS_TESTING_FAKE_GIT_FETCHER_H_
#define HUBD_TESTS_TESTING_FAKE_GIT_FETCHER_H_

#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/mutex.h"
#include "server/net/git_fetcher.h"

namespace hubd {

// Thread-safe.
class FakeGitFetcher final : public GitFetcher {
 public:
  void AnswerCommit(absl::StatusOr<std::string> commit) {
    MutexLock lock(mutex_);
    commit_ = std::move(commit);
  }

  // A tar.gz, or why there is none.
  void AnswerFiles(absl::StatusOr<std::string> archive) {
    MutexLock lock(mutex_);
    archive_ = std::move(archive);
  }

  void FailAt(const std::string& url, absl::Status failure) {
    MutexLock lock(mutex_);
    failures_.insert_or_assign(url, std::move(failure));
  }

  // For the commit `commit` of any repository.
  void AnswerSubmodules(const std::string& commit,
                        absl::StatusOr<std::vector<GitSubmodule>> submodules) {
    MutexLock lock(mutex_);
    submodules_[commit] = std::move(submodules);
  }

  // "URL WHAT" of each call; with " refused" where the source is.
  std::vector<std::string> asked() const {
    MutexLock lock(mutex_);
    return asked_;
  }

  absl::StatusOr<std::string> FindCommit(const GitSource& source,
                                         const std::string& prefix,
                                         const std::string&,
                                         std::stop_token) override {
    MutexLock lock(mutex_);
    asked_.push_back(source.url + " " + prefix);
    auto failure = failures_.find(source.url);
    if (failure != failures_.end()) return failure->second;
    return commit_;
  }

  absl::Status FetchFiles(
      const GitSource& source, const std::string& commit, const std::string&,
      const std::function<void(int64_t)>& received,
      const std::function<absl::Status(absl::string_view)>& sink,
      std::stop_token) override {
    absl::StatusOr<std::string> archive;
    {
      MutexLock lock(mutex_);
      asked_.push_back(source.url + " " + commit +
                       (source.refused ? " refused" : ""));
      auto failure = failures_.find(source.url);
      if (failure != failures_.end()) return failure->second;
      archive = archive_;
    }
    if (!archive.ok()) return archive.status();
    received(archive->size());
    return sink(*archive);
  }

  absl::StatusOr<std::vector<GitSubmodule>> ListSubmodules(
      const GitSource& source, const std::string& commit, const std::string&,
      const std::string&, std::stop_token) override {
    MutexLock lock(mutex_);
    asked_.push_back(source.url + " " + commit + " submodules");
    auto found = submodules_.find(commit);
    if (found == submodules_.end()) return std::vector<GitSubmodule>();
    return found->second;
  }

 private:
  mutable Mutex mutex_;
  std::vector<std::string> asked_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, absl::Status> failures_ ABSL_GUARDED_BY(mutex_);
  absl::StatusOr<std::string> commit_ ABSL_GUARDED_BY(mutex_) =
      absl::NotFoundError("no commit was set");
  absl::StatusOr<std::string> archive_ ABSL_GUARDED_BY(mutex_) =
      absl::NotFoundError("no archive was set");
  std::map<std::string, absl::StatusOr<std::vector<GitSubmodule>>> submodules_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace hubd

#endif  // HUBD_TESTS_TESTING_FAKE_GIT_FETCHER_H_
