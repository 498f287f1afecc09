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
absl::Status CheckHubconf(const TreeResult& tree) {
  const std::string path = absl::StrCat(tree.tree.path, "/hubconf.py");
  absl::Status missing = HubconfMissing(
      tree.tree.key.repo.ToString(),
      absl::StrCat(tree.ref, " (", tree.tree.key.commit.substr(0, 12), ")"));
  struct stat info;
  if (::stat(path.c_str(), &info) == 0) {
    return S_ISREG(info.st_mode) ? absl::OkStatus() : missing;
  }
  if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) {
    return missing;
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

void SetResult(const std::string& repo, worker::v1::InspectResult result,
               Inspected& inspected) {
  for (std::string& text : WarningsAbout(repo, result)) {
    inspected.tree.warnings.push_back(std::move(text));
  }
  inspected.result = std::move(result);
}

// A kept result, if there is one.
std::optional<Inspected> AsInspected(
    const InspectionRequest& request, TreeResult tree,
    std::optional<worker::v1::InspectResult> result) {
  if (!result) return std::nullopt;
  Inspected inspected;
  inspected.tree = std::move(tree);
  inspected.cached = true;
  SetResult(request.tree.spec.id.ToString(), *std::move(result), inspected);
  return inspected;
}

Question QuestionAbout(const InspectionRequest& request,
                       const TreeObject& tree) {
  return Question{.tree = tree.key,
                  .tree_path = tree.path,
                  .uid = request.tree.uid,
                  .interpreter = request.interpreter,
                  .entrypoint = request.entrypoint,
                  .limits = request.limits,
                  .force = request.tree.refresh};
}

// The caller holds it; what is posted does not, so that dropping it ends it.
class Inspection : public std::enable_shared_from_this<Inspection> {
 public:
  using DoneFn = std::function<void(absl::StatusOr<Inspected>)>;

  Inspection(InspectionRequest request, Executor& io, Executor& disk,
             ResultCache& results, ProgressFn progress, DoneFn done)
      : request_(std::move(request)),
        repo_(request_.tree.spec.id.ToString()),
        io_(io),
        disk_(disk),
        results_(results),
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
    question_ = QuestionAbout(request_, inspected_.tree.tree);
    disk_.Post([weak = weak_from_this(), tree = inspected_.tree,
                question = question_, &results = results_, &io = io_] {
      ResultCache::Known known = results.LookUp(question);
      absl::Status hubconf =
          known.result ? absl::OkStatus() : CheckHubconf(tree);
      io.Post([weak, known = std::move(known), hubconf]() mutable {
        auto self = weak.lock();
        if (self == nullptr) return;
        if (!hubconf.ok()) {
          self->done_(hubconf);
        } else if (known.result) {
          self->inspected_.cached = true;
          self->Deliver(*std::move(known.result));
        } else {
          self->Run(known.key);
        }
      });
    });
  }

  void Run(const std::string& key) {
    progress_(Progress{.phase = Progress::Phase::kRunning, .subject = repo_});
    job_ = results_.Run(
        question_, key,
        [weak = weak_from_this()](absl::StatusOr<ResultCache::Outcome> ended) {
          if (auto self = weak.lock()) self->OnJob(std::move(ended));
        });
  }

  void OnJob(absl::StatusOr<ResultCache::Outcome> ended) {
    if (!ended.ok()) {
      done_(ended.status());
      return;
    }
    absl::StatusOr<worker::v1::InspectResult> result =
        ResultOfJob(repo_, request_.entrypoint, ended->done);
    const std::vector<std::string>& warnings = inspected_.tree.warnings;
    if (!result.ok()) {
      // A link that is none here may be why the code fails.
      const bool may_explain =
          ReasonOf(result.status()) == Reason::kEntrypointFailed &&
          !warnings.empty();
      done_(may_explain ? Annotate(result.status(), warnings.front())
                        : result.status());
      return;
    }
    inspected_.output = ended->done.output();
    inspected_.cached = ended->cached;
    Deliver(*std::move(result));
  }

  void Deliver(worker::v1::InspectResult result) {
    SetResult(repo_, std::move(result), inspected_);
    done_(std::move(inspected_));
  }

  const InspectionRequest request_;
  const std::string repo_;
  Executor& io_;
  Executor& disk_;
  ResultCache& results_;
  const ProgressFn progress_;
  const DoneFn done_;
  Question question_;
  Inspected inspected_;
  std::unique_ptr<FetchOperation> fetch_;
  std::unique_ptr<JobQueue::Ticket> job_;
};

}  // namespace

std::optional<Inspected> LookUpInspected(const InspectionRequest& request,
                                         const Fetcher& fetcher,
                                         const ResultCache& results) {
  // Else the tree would be looked up only to be asked for again.
  if (request.tree.refresh) return std::nullopt;
  std::optional<TreeResult> tree = fetcher.LookUp(request.tree);
  if (!tree) return std::nullopt;
  ResultCache::Known known = results.LookUp(QuestionAbout(request, tree->tree));
  return AsInspected(request, *std::move(tree), std::move(known.result));
}

std::optional<Inspected> InspectedInMemory(const InspectionRequest& request,
                                           const Fetcher& fetcher,
                                           const ResultCache& results) {
  if (request.tree.refresh) return std::nullopt;
  std::optional<TreeResult> tree = fetcher.LookInMemory(request.tree);
  if (!tree) return std::nullopt;
  auto result = results.LookInMemory(QuestionAbout(request, tree->tree));
  return AsInspected(request, *std::move(tree), std::move(result));
}

std::shared_ptr<void> Inspect(
    InspectionRequest request, Executor& io, Executor& disk, Fetcher& fetcher,
    ResultCache& results, ProgressFn progress,
    std::function<void(absl::StatusOr<Inspected>)> done) {
  auto inspection =
      std::make_shared<Inspection>(std::move(request), io, disk, results,
                                   std::move(progress), std::move(done));
  inspection->Start(fetcher);
  return inspection;
}

}  // namespace hubd
