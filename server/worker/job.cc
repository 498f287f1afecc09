#include "server/worker/job.h"

#include <google/protobuf/util/json_util.h>
#include <sys/stat.h>

#include <csignal>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/status.h"
#include "server/base/text.h"
#include "server/worker/box_source.h"
#include "server/worker/frame.h"
#include "server/worker/interpreter.h"

namespace hubd {
namespace {

using v1::WorkerExit;
using worker::v1::InspectResult;
using worker::v1::JobDone;
using worker::v1::StartJob;
using End = SandboxResult::End;
using Limit = SandboxResult::Limit;

constexpr size_t kMaxTraceback = 2048;
constexpr char kMaxProcesses[] = "64";

const char* LimitName(Limit limit) {
  switch (limit) {
    case Limit::kTime:
      return "time";
    case Limit::kMemory:
      return "memory";
    case Limit::kOutput:
      return "output";
    case Limit::kResult:
      return "result";
    case Limit::kNone:
      break;
  }
  return "";
}

absl::Status CheckTree(const std::string& path) {
  struct stat info;
  if (path.empty() || path[0] != '/' || ::stat(path.c_str(), &info) != 0 ||
      !S_ISDIR(info.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat("there is no tree at '", path, "'"));
  }
  return absl::OkStatus();
}

void SetLimits(const worker::v1::Limits& wanted,
               SandboxPolicy::Limits& limits) {
  if (wanted.time_ms() > 0) limits.time = absl::Milliseconds(wanted.time_ms());
  if (wanted.memory_bytes() > 0) limits.memory_bytes = wanted.memory_bytes();
  if (wanted.output_bytes() > 0) limits.output_bytes = wanted.output_bytes();
  limits.result_bytes = kFrameHeaderBytes + kMaxFrameBody;
}

// Only where a path begins: in quotes as tracebacks have it, or after a blank.
std::string WithTreePath(absl::string_view text, const std::string& tree) {
  const std::string inside = absl::StrCat(kRepoInBox, "/");
  return absl::StrReplaceAll(
      text, {{absl::StrCat("\"", inside), absl::StrCat("\"", tree, "/")},
             {absl::StrCat("'", inside), absl::StrCat("'", tree, "/")},
             {absl::StrCat(" ", inside), absl::StrCat(" ", tree, "/")}});
}

// What the kernel and the limits say; KIND_UNSPECIFIED when nothing is against
// looking at the answer.
WorkerExit ExitOf(const SandboxResult& run) {
  WorkerExit exit;
  switch (run.end) {
    case End::kSetupFailed:
      exit.set_kind(WorkerExit::SETUP_FAILED);
      break;
    case End::kLimit:
      exit.set_kind(WorkerExit::LIMIT);
      exit.set_limit(LimitName(run.limit));
      break;
    case End::kStopped:
      exit.set_kind(WorkerExit::KILLED);
      exit.set_signal(SIGKILL);
      break;
    case End::kSignaled:
      exit.set_kind(run.signal == SIGSYS ? WorkerExit::VIOLATION
                                         : WorkerExit::KILLED);
      exit.set_signal(run.signal);
      break;
    case End::kExited:
      if (run.exit_status == 0) break;
      exit.set_kind(WorkerExit::FAILED);
      exit.set_exit_status(run.exit_status);
      break;
  }
  return exit;
}

// The answer of a run that could not begin.
JobDone NotRun(const StartJob& job, const absl::Status& status) {
  SandboxResult run;
  run.output = std::string(status.message());
  return JudgeRun(job, run);
}

}  // namespace

absl::StatusOr<SandboxPolicy> JobPolicy(const StartJob& job) {
  HUBD_RETURN_IF_ERROR(CheckTree(job.tree_path()));
  SandboxPolicy policy = InspectPolicy();
  HUBD_ASSIGN_OR_RETURN(std::vector<std::string> sites,
                        BindInterpreter(job.interpreter(), policy));
  policy.binds.push_back({job.tree_path(), kRepoInBox});
  const std::string box = absl::StrCat(kHubdInBox, "/box.py");
  policy.data_files.push_back({box, BoxSource()});
  policy.argv = {job.interpreter().executable(), "-I", "-B", box,
                 kMaxProcesses};
  policy.argv.insert(policy.argv.end(), sites.begin(), sites.end());
  SetLimits(job.limits(), policy.limits);
  return policy;
}

JobDone JudgeRun(const StartJob& job, const SandboxResult& run) {
  JobDone done;
  done.set_job_id(job.job_id());
  done.set_output(CleanText(WithTreePath(run.output, job.tree_path()),
                            job.limits().output_bytes() > 0
                                ? job.limits().output_bytes()
                                : SandboxPolicy::Limits().output_bytes));
  WorkerExit exit = ExitOf(run);
  if (exit.kind() != WorkerExit::KIND_UNSPECIFIED) {
    *done.mutable_exit() = std::move(exit);
    return done;
  }
  absl::StatusOr<InspectResult> result = ParseFrame(run.result);
  if (!result.ok()) {
    done.mutable_exit()->set_kind(WorkerExit::FAILED);
    done.mutable_exit()->set_traceback(std::string(result.status().message()));
    return done;
  }
  if (result->has_failure()) {
    worker::v1::Failure& failure = *result->mutable_failure();
    failure.set_traceback(CleanText(
        WithTreePath(failure.traceback(), job.tree_path()), kMaxTraceback));
  }
  *done.mutable_result() = *std::move(result);
  return done;
}

JobDone RunJob(const StartJob& job, std::stop_token stop) {
  const absl::StatusOr<SandboxPolicy> policy = JobPolicy(job);
  if (!policy.ok()) return NotRun(job, policy.status());
  std::string request;
  const auto written =
      google::protobuf::util::MessageToJsonString(job.request(), &request);
  if (!written.ok()) {
    return NotRun(job, absl::InternalError("the request is no JSON"));
  }
  return JudgeRun(job, RunSandboxed(*policy, request, std::move(stop)));
}

}  // namespace hubd
