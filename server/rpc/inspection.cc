#include "server/rpc/inspection.h"

#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/status.h"
#include "server/rpc/job_result.h"

namespace hubd {
namespace {

// A link inside the tree will do; a directory will not.
absl::Status CheckHubconf(const std::string& repo, const std::string& tree) {
  std::string path = absl::StrCat(tree, "/hubconf.py");
  struct stat info;
  if (::stat(path.c_str(), &info) == 0) {
    return S_ISREG(info.st_mode) ? absl::OkStatus() : HubconfMissing(repo);
  }
  if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) {
    return HubconfMissing(repo);
  }
  return ErrnoError(errno, absl::StrCat("cannot look at ", path));
}

// What the answer does not show of the code.
std::vector<std::string> WarningsAbout(
    const std::string& repo, const worker::v1::InspectResult& result) {
  std::vector<std::string> warnings;
  if (result.omitted_entrypoints() > 0) {
    warnings.push_back(absl::StrCat(
        repo,
        " has entrypoints that are not listed: ", result.omitted_entrypoints(),
        "; a list holds at most 4096, and only names that are ASCII "
        "identifiers of at most 128 characters"));
  }
  if (result.doc_is_cut()) {
    warnings.push_back(
        absl::StrCat("the documentation is longer than 64 KiB; the rest is in ",
                     repo, " itself"));
  }
  return warnings;
}

// The caller holds it; what is posted does not, so that dropping it ends it.
class Inspection : public std::enable_shared_from_this<Inspection> {
 public:
  using DoneFn = std::function<void(absl::StatusOr<Inspected>)>;

  Inspection(InspectionRequest request, Executor& io, Executor& disk,
             JobQueue& jobs, ProgressFn progress, DoneFn done)
      : request_(std::move(request)),
        repo_(request_.tree.spec.id.ToString()),
        io_(io),
        disk_(disk),
        jobs_(jobs),
        progress_(std::move(progress)),
        done_(std::move(done)) {}

  void Start(Fetcher& fetcher) {
    fetch_ = fetcher.FetchTree(
        request_.tree, progress_,
        [weak = weak_from_this()](absl::StatusOr<TreeResult> tree) {
          if (auto self = weak.lock()) self->OnTree(std::move(tree));
        });
  }

 private:
  void OnTree(absl::StatusOr<TreeResult> tree) {
    if (!tree.ok()) {
      done_(tree.status());
      return;
    }
    inspected_.tree = *std::move(tree);
    disk_.Post([weak = weak_from_this(), repo = repo_,
                path = inspected_.tree.tree.path, &io = io_] {
      absl::Status hubconf = CheckHubconf(repo, path);
      io.Post([weak, hubconf] {
        if (auto self = weak.lock()) self->OnHubconf(hubconf);
      });
    });
  }

  void OnHubconf(const absl::Status& hubconf) {
    if (!hubconf.ok()) {
      done_(hubconf);
      return;
    }
    progress_(Progress{.phase = Progress::Phase::kRunning, .subject = repo_});
    worker::v1::StartJob job;
    job.set_tree_path(inspected_.tree.tree.path);
    *job.mutable_interpreter() = request_.interpreter;
    job.mutable_request()->set_entrypoint(request_.entrypoint);
    *job.mutable_limits() = request_.limits;
    job_ = jobs_.Submit(
        request_.uid, std::move(job),
        [weak = weak_from_this()](absl::StatusOr<worker::v1::JobDone> done) {
          if (auto self = weak.lock()) self->OnJob(std::move(done));
        });
  }

  void OnJob(absl::StatusOr<worker::v1::JobDone> job) {
    if (!job.ok()) {
      done_(job.status());
      return;
    }
    absl::StatusOr<worker::v1::InspectResult> result =
        ResultOfJob(repo_, request_.entrypoint, *job);
    std::vector<std::string>& warnings = inspected_.tree.warnings;
    if (!result.ok()) {
      // A link that is none here may be why the code fails.
      const bool may_explain =
          ReasonOf(result.status()) == Reason::kEntrypointFailed &&
          !warnings.empty();
      done_(may_explain ? Annotate(result.status(), warnings.front())
                        : result.status());
      return;
    }
    inspected_.result = *std::move(result);
    for (std::string& text : WarningsAbout(repo_, inspected_.result)) {
      warnings.push_back(std::move(text));
    }
    inspected_.output = job->output();
    done_(std::move(inspected_));
  }

  const InspectionRequest request_;
  const std::string repo_;
  Executor& io_;
  Executor& disk_;
  JobQueue& jobs_;
  const ProgressFn progress_;
  const DoneFn done_;
  Inspected inspected_;
  std::unique_ptr<FetchOperation> fetch_;
  std::unique_ptr<JobQueue::Ticket> job_;
};

}  // namespace

std::shared_ptr<void> Inspect(
    InspectionRequest request, Executor& io, Executor& disk, Fetcher& fetcher,
    JobQueue& jobs, ProgressFn progress,
    std::function<void(absl::StatusOr<Inspected>)> done) {
  auto inspection = std::make_shared<Inspection>(
      std::move(request), io, disk, jobs, std::move(progress), std::move(done));
  inspection->Start(fetcher);
  return inspection;
}

}  // namespace hubd
