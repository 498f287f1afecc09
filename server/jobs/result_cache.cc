#include "server/jobs/result_cache.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/digest.h"
#include "server/base/log.h"

namespace hubd {
namespace {

using worker::v1::InspectResult;
using worker::v1::JobDone;

// Goes up with every change of what a kept result says or of how one is made
// from what the worker's code sends.
constexpr char kResultRevision[] = "1";

// With 256 results of each user (catalog.h), it bounds what one user may fill.
constexpr size_t kMaxResultBytes = 256 << 10;

bool IsSuccess(const JobDone& done) {
  return done.has_result() && !done.has_exit() && !done.result().has_failure();
}

// A result that cannot be read is none: the code is run again.
std::optional<InspectResult> ParseResult(
    const std::optional<std::string>& kept) {
  InspectResult result;
  if (!kept || !result.ParseFromString(*kept)) return std::nullopt;
  return result;
}

std::optional<InspectResult> LookUpResult(Catalog& catalog, uid_t uid,
                                          const std::string& key) {
  absl::StatusOr<std::optional<std::string>> found =
      catalog.LookupJobResult(uid, key);
  if (!found.ok()) {
    HUBD_LOG(kWarning) << "event=result_not_found error="
                       << LogQuote(found.status().message());
    return std::nullopt;
  }
  return ParseResult(*found);
}

// Everything that a result depends on but for the environment. The length of a
// field goes first, so that other fields never make the same text.
std::string DescribeQuestion(const Question& question,
                             const std::string& worker) {
  const std::string fields[] = {
      kResultRevision,      worker,
      question.tree.domain, question.tree.repo.ToString(),
      question.tree.commit, question.tree.route,
      question.entrypoint,  question.limits.SerializeAsString()};
  std::string text;
  for (const std::string& field : fields) {
    absl::StrAppend(&text, field.size(), ":", field, ",");
  }
  return text;
}

// Names the question in an environment, as EnvironmentLook says it.
std::string KeyOf(const Question& question, const std::string& worker,
                  const std::string& environment) {
  return Sha256Hex(absl::StrCat(DescribeQuestion(question, worker),
                                question.uid, ",", environment));
}

}  // namespace

// The runs under way, by key. Confined to the io thread.
class ResultCache::Runs : public std::enable_shared_from_this<Runs> {
 public:
  explicit Runs(Parts parts) : parts_(parts) {}

  std::unique_ptr<JobQueue::Ticket> Join(const Question& question,
                                         const std::string& key, DoneFn done);

 private:
  struct Waiter {
    // Empty once its ticket was dropped.
    DoneFn done;
  };
  struct Run {
    // There while the job waits or runs.
    std::unique_ptr<JobQueue::Ticket> job;
    std::vector<std::shared_ptr<Waiter>> waiters;
    // A forced run of the key has begun since: whatever ends first, that one's
    // result stays.
    bool superseded = false;
  };
  class WaiterTicket;

  // The run of the key that was not forced, if one is under way, keeps nothing.
  void Supersede(const std::string& key);
  // The steps of a run: once more what is kept, the job, keeping its success,
  // telling those who wait.
  void LookUp(const Question& question, const std::string& key,
              const std::shared_ptr<Run>& run);
  void Submit(const Question& question, const std::string& key,
              const std::string& name, const std::shared_ptr<Run>& run);
  void Keep(JobResultObject kept, const std::string& name,
            const std::shared_ptr<Run>& run, JobDone done);
  void Tell(const std::string& name, const std::shared_ptr<Run>& run,
            const absl::StatusOr<Outcome>& outcome);
  void Leave(const std::string& name, const std::shared_ptr<Run>& run,
             const std::shared_ptr<Waiter>& waiter);
  // Another run may have taken the name over.
  void Forget(const std::string& name, const std::shared_ptr<Run>& run);

  const Parts parts_;
  uint64_t next_unshared_ = 1;
  std::map<std::string, std::shared_ptr<Run>> runs_;
};

class ResultCache::Runs::WaiterTicket final : public JobQueue::Ticket {
 public:
  explicit WaiterTicket(std::function<void()> leave)
      : leave_(std::move(leave)) {}
  ~WaiterTicket() override { leave_(); }

 private:
  const std::function<void()> leave_;
};

std::unique_ptr<JobQueue::Ticket> ResultCache::Runs::Join(
    const Question& question, const std::string& key, DoneFn done) {
  const std::string name =
      key.empty() ? absl::StrCat("unshared ", next_unshared_++)
                  : absl::StrCat(key, question.force ? " forced" : "");
  auto waiter = std::make_shared<Waiter>(Waiter{std::move(done)});
  std::shared_ptr<Run>& slot = runs_[name];
  // A forced question is not answered by code that has run already.
  if (slot == nullptr || (question.force && slot->job == nullptr)) {
    slot = std::make_shared<Run>();
    if (question.force) Supersede(key);
    if (key.empty() || question.force) {
      Submit(question, key, name, slot);
    } else {
      LookUp(question, key, slot);
    }
  }
  slot->waiters.push_back(waiter);
  return std::make_unique<WaiterTicket>(
      [weak = weak_from_this(), name, run = slot, waiter] {
        if (auto runs = weak.lock()) runs->Leave(name, run, waiter);
      });
}

void ResultCache::Runs::Supersede(const std::string& key) {
  auto older = runs_.find(key);
  if (older != runs_.end()) older->second->superseded = true;
}

// The caller has looked before, but a run may have ended in between.
void ResultCache::Runs::LookUp(const Question& question, const std::string& key,
                               const std::shared_ptr<Run>& run) {
  parts_.disk.Post([weak = weak_from_this(), question, key, run,
                    parts = parts_] {
    std::optional<InspectResult> kept =
        LookUpResult(parts.catalog, question.uid, key);
    parts.io.Post([weak, question, key, run, kept = std::move(kept)]() mutable {
      auto runs = weak.lock();
      if (runs == nullptr) return;
      if (kept) {
        Outcome outcome{.done = {}, .cached = true};
        *outcome.done.mutable_result() = *std::move(kept);
        runs->Tell(key, run, outcome);
      } else if (run->waiters.empty()) {
        runs->Forget(key, run);
      } else {
        runs->Submit(question, key, key, run);
      }
    });
  });
}

void ResultCache::Runs::Submit(const Question& question, const std::string& key,
                               const std::string& name,
                               const std::shared_ptr<Run>& run) {
  worker::v1::StartJob job;
  job.set_tree_path(question.tree_path);
  *job.mutable_interpreter() = question.interpreter;
  job.mutable_request()->set_entrypoint(question.entrypoint);
  *job.mutable_limits() = question.limits;
  JobResultObject kept{
      .uid = question.uid, .key = key, .tree = question.tree, .result = ""};
  auto on_end = [weak = weak_from_this(), kept = std::move(kept), name,
                 run](absl::StatusOr<JobDone> done) {
    auto runs = weak.lock();
    if (runs == nullptr) return;
    run->job = nullptr;
    if (!done.ok()) {
      runs->Tell(name, run, done.status());
    } else if (IsSuccess(*done) && !kept.key.empty() && !run->superseded) {
      runs->Keep(kept, name, run, *std::move(done));
    } else {
      runs->Tell(name, run, Outcome{*std::move(done)});
    }
  };
  run->job = parts_.jobs.Submit(question.uid, std::move(job), on_end);
}

// Whoever is told finds the result when he asks again.
void ResultCache::Runs::Keep(JobResultObject kept, const std::string& name,
                             const std::shared_ptr<Run>& run, JobDone done) {
  kept.result = done.result().SerializeAsString();
  if (kept.result.size() > kMaxResultBytes) {
    return Tell(name, run, Outcome{std::move(done)});
  }
  parts_.disk.Post([weak = weak_from_this(), kept = std::move(kept), name, run,
                    done = std::move(done), parts = parts_] {
    absl::Status status = parts.catalog.PutJobResult(kept);
    if (!status.ok()) {
      HUBD_LOG(kWarning) << "event=result_not_kept error="
                         << LogQuote(status.message());
    }
    parts.io.Post([weak, name, run, done] {
      if (auto runs = weak.lock()) runs->Tell(name, run, Outcome{done});
    });
  });
}

void ResultCache::Runs::Tell(const std::string& name,
                             const std::shared_ptr<Run>& run,
                             const absl::StatusOr<Outcome>& outcome) {
  Forget(name, run);
  for (const auto& waiter : std::exchange(run->waiters, {})) {
    // It may drop its ticket, and so itself.
    const DoneFn tell = std::exchange(waiter->done, nullptr);
    if (tell) tell(outcome);
  }
}

void ResultCache::Runs::Leave(const std::string& name,
                              const std::shared_ptr<Run>& run,
                              const std::shared_ptr<Waiter>& waiter) {
  waiter->done = nullptr;
  std::erase(run->waiters, waiter);
  if (!run->waiters.empty() || run->job == nullptr) return;
  run->job = nullptr;
  Forget(name, run);
}

void ResultCache::Runs::Forget(const std::string& name,
                               const std::shared_ptr<Run>& run) {
  auto found = runs_.find(name);
  if (found != runs_.end() && found->second == run) runs_.erase(found);
}

ResultCache::ResultCache(Options options, Parts parts)
    : options_(std::move(options)),
      parts_(parts),
      environments_(options_.environments),
      runs_(std::make_shared<Runs>(parts)) {}

ResultCache::~ResultCache() = default;

ResultCache::Known ResultCache::LookUp(const Question& question) const {
  Known known;
  if (!options_.keep) return known;
  std::optional<std::string> environment =
      environments_.IdOf(question.interpreter);
  if (!environment) return known;
  known.key = KeyOf(question, options_.worker, *environment);
  if (question.force) return known;
  known.result = LookUpResult(parts_.catalog, question.uid, known.key);
  return known;
}

std::optional<InspectResult> ResultCache::LookInMemory(
    const Question& question) const {
  if (!options_.keep || question.force) return std::nullopt;
  std::optional<std::string> environment =
      environments_.IdInMemory(question.interpreter);
  if (!environment) return std::nullopt;
  return ParseResult(parts_.catalog.JobResultInMemory(
      question.uid, KeyOf(question, options_.worker, *environment)));
}

std::unique_ptr<JobQueue::Ticket> ResultCache::Run(const Question& question,
                                                   const std::string& key,
                                                   DoneFn done) {
  return runs_->Join(question, key, std::move(done));
}

}  // namespace hubd
