#include "server/rpc/job_result.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/base/status.h"
#include "server/base/text.h"
#include "server/rpc/error.h"

namespace hubd {
namespace {

using v1::WorkerExit;
using worker::v1::Failure;

constexpr size_t kMaxShownName = 200;
constexpr char kWayOut[] =
    "; the sandbox has no network and no home: code that needs them must be "
    "run outside it, by a load in your own process";

// The last words of what the run printed, which is where a crash or a failed
// start is explained.
std::string LastLine(absl::string_view output) {
  constexpr size_t kMaxShown = 300;
  output = absl::StripAsciiWhitespace(output);
  size_t newline = output.rfind('\n');
  if (newline != absl::string_view::npos) output.remove_prefix(newline + 1);
  return CleanText(output, kMaxShown);
}

WorkerExit ExitOf(const Failure& failure) {
  WorkerExit exit;
  exit.set_kind(WorkerExit::FAILED);
  exit.set_exception(failure.exception());
  exit.set_traceback(failure.traceback());
  return exit;
}

Metadata MetadataFor(const std::string& repo, const std::string& entrypoint) {
  Metadata metadata = {{"repo", repo}};
  if (!entrypoint.empty()) metadata["entrypoint"] = entrypoint;
  return metadata;
}

// What to do about an exception, as far as its kind tells.
std::string HintFor(const Failure& failure) {
  if (!failure.missing().empty()) {
    return absl::StrCat("; your interpreter does not have: ",
                        absl::StrJoin(failure.missing(), ","));
  }
  for (const char* kind : {"SyntaxError", "IndentationError", "TabError"}) {
    if (failure.exception() == kind) {
      return "; it is damaged or made for another Python: try another ref, or "
             "another interpreter";
    }
  }
  return kWayOut;
}

absl::Status ErrorOfFailure(const std::string& repo,
                            const std::string& entrypoint,
                            const Failure& failure) {
  Metadata metadata = MetadataFor(repo, entrypoint);
  if (!failure.exception().empty()) metadata["exception"] = failure.exception();
  std::string missing = absl::StrJoin(failure.missing(), ",");
  if (!missing.empty()) metadata["missing"] = missing;
  switch (failure.kind()) {
    case Failure::HUBCONF_MISSING:
      return HubconfMissing(repo, "this ref");
    case Failure::ENTRYPOINT_NOT_FOUND:
      return ReasonError(
          Reason::kEntrypointNotFound,
          absl::StrCat("hubconf.py of ", repo, " has no entrypoint \"",
                       CleanLine(entrypoint.substr(0, kMaxShownName)),
                       "\"; `hubctl list ", repo, "` shows those that it has"),
          metadata);
    case Failure::MISSING_DEPENDENCY:
      return WithWorkerExit(
          ReasonError(Reason::kMissingDependency,
                      absl::StrCat(repo,
                                   " needs Python packages that your "
                                   "interpreter does not have: ",
                                   missing, "; install them there"),
                      metadata),
          ExitOf(failure));
    default:
      break;
  }
  return WithWorkerExit(
      ReasonError(Reason::kEntrypointFailed,
                  absl::StrCat("cannot run hubconf.py: reported by ", repo,
                               ": ", failure.exception(), ": ",
                               failure.message(), HintFor(failure)),
                  metadata),
      ExitOf(failure));
}

absl::Status ErrorOfLimit(const std::string& repo, const Metadata& metadata,
                          const std::string& limit) {
  std::string start = absl::StrCat("hubconf.py of ", repo);
  if (limit == "time") {
    return ReasonError(Reason::kWorkerTime,
                       absl::StrCat(start,
                                    " took longer than a sandboxed run may; "
                                    "raise [sandbox] time, or try again when "
                                    "the machine has less to do"),
                       metadata);
  }
  if (limit == "memory") {
    return ReasonError(Reason::kWorkerMemory,
                       absl::StrCat(start,
                                    " used more memory than a sandboxed run "
                                    "may; raise [sandbox] memory"),
                       metadata);
  }
  return ReasonError(Reason::kEntrypointFailed,
                     absl::StrCat(start, " went over the limit of its ",
                                  limit.empty() ? "resources" : limit, kWayOut),
                     metadata);
}

absl::Status ErrorOfExit(const std::string& repo, const Metadata& metadata,
                         const worker::v1::JobDone& done) {
  const WorkerExit& exit = done.exit();
  std::string said =
      LastLine(exit.traceback().empty() ? done.output() : exit.traceback());
  if (!said.empty()) said = absl::StrCat(": ", said);
  std::string start = absl::StrCat("hubconf.py of ", repo);
  switch (exit.kind()) {
    case WorkerExit::VIOLATION:
      return ReasonError(
          Reason::kSandboxViolation,
          absl::StrCat(start,
                       " was stopped: it made a system call that the sandbox "
                       "forbids (signal ",
                       exit.signal(),
                       "); run it outside only if you trust the repo"),
          metadata);
    case WorkerExit::LIMIT:
      return ErrorOfLimit(repo, metadata, exit.limit());
    case WorkerExit::KILLED:
      return ReasonError(
          Reason::kEntrypointFailed,
          absl::StrCat(start, " crashed with signal ", exit.signal(), said,
                       "; a package that it imports may not "
                       "fit your interpreter"),
          metadata);
    case WorkerExit::SETUP_FAILED:
      return ReasonError(
          Reason::kSandboxUnavailable,
          absl::StrCat("cannot set up the sandbox for ", start, said,
                       "; `hubctl doctor` says what is missing"),
          metadata);
    default:
      return ReasonError(
          Reason::kEntrypointFailed,
          absl::StrCat(start, " ended without a result, exit status ",
                       exit.exit_status(), said, kWayOut),
          metadata);
  }
}

}  // namespace

absl::Status HubconfMissing(const std::string& repo, const std::string& ref) {
  return ReasonError(
      Reason::kHubconfMissing,
      absl::StrCat(repo, " at ", ref,
                   " has no file hubconf.py, so it is no model hub there; "
                   "check the name, or name another ref by ",
                   repo, ":REF"),
      {{"repo", repo}});
}

absl::StatusOr<worker::v1::InspectResult> ResultOfJob(
    const std::string& repo, const std::string& entrypoint,
    const worker::v1::JobDone& done) {
  if (done.has_exit()) {
    return WithWorkerExit(
        ErrorOfExit(repo, MetadataFor(repo, entrypoint), done), done.exit());
  }
  if (!done.has_result()) {
    return absl::InternalError(
        absl::StrCat("the worker host gave no result for ", repo));
  }
  if (done.result().has_failure()) {
    return ErrorOfFailure(repo, entrypoint, done.result().failure());
  }
  return done.result();
}

}  // namespace hubd
