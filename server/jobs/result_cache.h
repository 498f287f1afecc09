// What hubconf.py files say, kept: one sandboxed run for all who ask the same.
//
// Results depend on the tree (its repo, commit and route), the question, the
// user and the environment, and on the worker's code and limits that this
// daemon runs them with. They are kept for that user alone, in the catalog, so
// that they outlive the daemon. Failures are never kept, nor what a run
// printed.

#ifndef HUBD_SERVER_JOBS_RESULT_CACHE_H_
#define HUBD_SERVER_JOBS_RESULT_CACHE_H_

#include <sys/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "hubd/worker/v1/worker.pb.h"
#include "server/base/executor.h"
#include "server/jobs/environment_look.h"
#include "server/jobs/job_queue.h"
#include "server/store/catalog.h"

namespace hubd {

// What is asked of one tree's hubconf.py, and for whom.
struct Question {
  TreeKey tree;
  std::string tree_path;
  // Who runs the code.
  uid_t uid = 0;
  v1::Interpreter interpreter;
  // Empty: all of them.
  std::string entrypoint;
  worker::v1::Limits limits;
  // Run the code even if a result is kept; the outcome replaces it.
  bool force = false;
};

class ResultCache {
 public:
  struct Options {
    // Names the code that runs a hubconf.py: another one may see another
    // result.
    std::string worker;
    // Whether results are kept. A daemon of many users does not look at the
    // paths that they name.
    bool keep = true;
    EnvironmentLook::Options environments = {};
  };

  // All must outlive it.
  struct Parts {
    Executor& io;
    Executor& disk;
    JobQueue& jobs;
    Catalog& catalog;
  };

  struct Known {
    // Names the question with its environment as it is at this moment; empty
    // where that cannot be known, and the result is not kept.
    std::string key;
    std::optional<worker::v1::InspectResult> result;
  };

  struct Outcome {
    // How the job ended; of a kept result only that.
    worker::v1::JobDone done;
    // No code ran.
    bool cached = false;
  };
  using DoneFn = std::function<void(absl::StatusOr<Outcome>)>;

  ResultCache(Options options, Parts parts);
  ~ResultCache();

  // May wait for the disk. Thread-safe.
  Known LookUp(const Question& question) const;

  // The result, where memory alone says it; nullopt: ask LookUp. Waits for
  // nobody. Thread-safe.
  std::optional<worker::v1::InspectResult> LookInMemory(
      const Question& question) const;

  // Runs the job that answers the question, or joins the run under way that is
  // about the same `key`, as LookUp gave it; a forced question joins forced
  // runs only. A success is kept before it is told, but not that of a run
  // that began before a forced one did. When the last ticket is
  // dropped the run is cancelled. Errors: those of JobQueue::Submit. Confined
  // to the io thread; `done` is never called within it.
  [[nodiscard]] std::unique_ptr<JobQueue::Ticket> Run(const Question& question,
                                                      const std::string& key,
                                                      DoneFn done);

 private:
  class Runs;
  const Options options_;
  const Parts parts_;
  const EnvironmentLook environments_;
  const std::shared_ptr<Runs> runs_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_JOBS_RESULT_CACHE_H_
