#include "client/cli/job_table.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/human.h"
#include "client/cli/progress_bar.h"
#include "client/cli/table.h"
#include "server/base/text.h"

namespace hubd {
namespace {

// "1.2 GB of 3.4 GB"
std::string BytesOf(const v1::Progress& progress) {
  if (progress.total_bytes() > 0) {
    return absl::StrCat(HumanSize(progress.done_bytes()), " of ",
                        HumanSize(progress.total_bytes()));
  }
  return progress.done_bytes() > 0 ? HumanSize(progress.done_bytes()) : "-";
}

std::string RateOf(int64_t bytes_per_second) {
  return bytes_per_second > 0 ? absl::StrCat(HumanSize(bytes_per_second), "/s")
                              : "-";
}

std::string StateOf(const v1::Job& job) {
  const v1::Progress& progress = job.progress();
  if (progress.phase() == v1::Progress::PHASE_UNSPECIFIED) return "-";
  std::string state = PhaseName(progress.phase());
  if (progress.phase() == v1::Progress::WAITING) {
    absl::StrAppend(&state, " until ", ClockTime(progress.resume_at()));
  }
  return state;
}

// "2 (uid 1000, 1001)"
std::string CallersOf(const v1::Job& job) {
  if (job.callers() == 0) return "others";
  return absl::StrCat(job.callers(), " (uid ", absl::StrJoin(job.uids(), ", "),
                      ")");
}

// What has gone wrong so far; empty: nothing.
std::string TroubleOf(const v1::Progress& progress) {
  if (progress.failures() == 0) return "";
  return absl::StrCat(progress.failures(),
                      progress.failures() == 1 ? " try" : " tries",
                      " failed: ", progress.last_error());
}

std::string LimitLines(const v1::ListJobsResponse& jobs) {
  std::string lines;
  if (jobs.limit() > 0) {
    absl::StrAppend(&lines, "Limit of the daemon: ", RateOf(jobs.limit()),
                    "\n");
  }
  for (const auto& [host, limit] : jobs.host_limits()) {
    absl::StrAppend(&lines, "Limit of ", CleanLine(host), ": ", RateOf(limit),
                    "\n");
  }
  for (const v1::Job& job : jobs.jobs()) {
    if (job.limit() == 0) continue;
    absl::StrAppend(&lines, "Limit of job ", job.id(), ": ",
                    RateOf(job.limit()), "\n");
  }
  return lines;
}

}  // namespace

std::string NameOfJob(const v1::Job& job) {
  // Another user's.
  if (job.kind().empty()) return job.host().empty() ? "-" : job.host();
  return absl::StrCat(job.kind(), " ", job.subject());
}

std::string FormatJobs(const v1::ListJobsResponse& jobs, absl::Time now,
                       int width) {
  // What it is comes last: it may be cut off.
  Table table(
      {"ID", "STATE", "BYTES", "RATE", "LEFT", "CONNS", "FOR", "AGE", "WHAT"});
  table.AlignRight({0, 3, 4, 5, 7});
  for (const v1::Job& job : jobs.jobs()) {
    const v1::Progress& progress = job.progress();
    const absl::Time since = absl::FromUnixSeconds(job.started_at());
    table.Add({absl::StrCat(job.id()), StateOf(job), BytesOf(progress),
               RateOf(job.bytes_per_second()),
               job.seconds_left() > 0
                   ? HumanDuration(absl::Seconds(job.seconds_left()))
                   : "-",
               progress.connections() > 0 ? absl::StrCat(progress.connections())
                                          : "-",
               CallersOf(job),
               job.started_at() > 0
                   ? HumanDuration(std::max(now - since, absl::Duration()))
                   : "-",
               NameOfJob(job)});
    const std::string trouble = TroubleOf(progress);
    if (!trouble.empty()) {
      table.Add({"", "", "", "", "", "", "", "", absl::StrCat("  ", trouble)});
    }
  }
  return absl::StrCat(jobs.jobs().empty() ? "" : table.Format(width),
                      LimitLines(jobs),
                      jobs.complete() ? "" : "There are more.\n");
}

std::string FormatJobLines(const v1::ListJobsResponse& jobs) {
  if (jobs.jobs().empty()) return "no jobs\n";
  std::string lines;
  for (const v1::Job& job : jobs.jobs()) {
    const std::string trouble = TroubleOf(job.progress());
    absl::StrAppend(&lines, "job ", job.id(), ": ", StateOf(job), ", ",
                    BytesOf(job.progress()), ", ",
                    RateOf(job.bytes_per_second()), ", for ", CallersOf(job),
                    ": ", CleanLine(NameOfJob(job)),
                    trouble.empty() ? "" : "; ", CleanLine(trouble), "\n");
  }
  return lines;
}

}  // namespace hubd
