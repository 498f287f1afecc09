#include "client/cli/commands_jobs.h"

#include <algorithm>
#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/cli/human.h"
#include "client/cli/job_table.h"
#include "client/cli/json.h"
#include "client/cli/terminal.h"
#include "server/base/status.h"

namespace hubd {
namespace {

// Between lines where nothing can be drawn again.
constexpr absl::Duration kPlainEvery = absl::Seconds(5);

constexpr char kNothing[] = "Nothing is being fetched.\n";

// A table that takes the place of the one before.
class LiveTable {
 public:
  explicit LiveTable(Session& session) : session_(session) {}

  void Show(const v1::ListJobsResponse& jobs) {
    // The last column and the last line stay free: some terminals wrap or
    // scroll when they are filled.
    const std::string table =
        absl::StrCat(jobs.jobs().empty() ? kNothing : "",
                     FormatJobs(jobs, absl::Now(), TerminalWidth(1) - 1));
    const int most = std::max(TerminalHeight(1) - 1, 1);
    std::string text = lines_ == 0 ? "" : absl::StrCat("\x1b[", lines_, "A");
    lines_ = 0;
    for (absl::string_view rest = table; !rest.empty() && lines_ < most;
         ++lines_) {
      const size_t end = rest.find('\n');
      absl::StrAppend(&text, rest.substr(0, end), "\x1b[K\n");
      rest.remove_prefix(end + 1);
    }
    session_.Print(absl::StrCat(text, "\x1b[J"));
    std::fflush(stdout);
  }

  // Wipes what a terminal shows of Ctrl-C below the table.
  void End() {
    session_.Print("\r\x1b[K");
    std::fflush(stdout);
  }

 private:
  Session& session_;
  int lines_ = 0;
};

// Lines now and then, at once where a job has come or gone.
class PlainLines {
 public:
  explicit PlainLines(Session& session) : session_(session) {}

  void Show(const v1::ListJobsResponse& jobs) {
    std::string ids;
    for (const v1::Job& job : jobs.jobs()) absl::StrAppend(&ids, job.id(), " ");
    const absl::Time now = absl::Now();
    if (ids == ids_ && now - shown_at_ < kPlainEvery) return;
    ids_ = std::move(ids);
    shown_at_ = now;
    session_.Print(FormatJobLines(jobs));
    std::fflush(stdout);
  }

 private:
  Session& session_;
  std::string ids_;
  absl::Time shown_at_ = absl::InfinitePast();
};

absl::Status RunLs(Session& session) {
  HUBD_ASSIGN_OR_RETURN(const v1::ListJobsResponse jobs,
                        session.client().ListJobs(session.Call()));
  if (session.arguments().json) {
    session.Print(ToJson(jobs));
    return absl::OkStatus();
  }
  if (jobs.jobs().empty()) session.Note(absl::StripSuffix(kNothing, "\n"));
  session.Print(FormatJobs(jobs, absl::Now(), session.OutputWidth()));
  return absl::OkStatus();
}

absl::Status RunWatch(Session& session) {
  LiveTable table(session);
  PlainLines lines(session);
  const bool json = session.arguments().json;
  const bool live = IsTerminal(1);
  const absl::Status end = session.client().WatchJobs(
      [&](const v1::ListJobsResponse& jobs) {
        if (json) {
          session.Print(ToJsonLine(jobs));
          std::fflush(stdout);
        } else if (live) {
          table.Show(jobs);
        } else {
          lines.Show(jobs);
        }
      },
      session.Call());
  if (live && !json) table.End();
  const bool left =
      absl::IsCancelled(end) && session.limit().cancel().stop_requested();
  return left ? absl::OkStatus() : end;
}

absl::Status RunCancel(Session& session) {
  HUBD_ASSIGN_OR_RETURN(
      const v1::Job job,
      session.client().CancelJob(*session.arguments().job, session.Call()));
  if (session.arguments().json) session.Print(ToJson(job));
  session.Note(absl::StrCat("Cancelled: ", NameOfJob(job)));
  return absl::OkStatus();
}

absl::Status RunLimit(Session& session) {
  const Arguments& arguments = session.arguments();
  v1::SetLimitRequest limit;
  std::string whose = "the daemon";
  if (arguments.job) {
    limit.set_job(*arguments.job);
    whose = absl::StrCat("job ", *arguments.job);
  } else if (!arguments.host.empty()) {
    limit.set_host(arguments.host);
    whose = arguments.host;
  }
  limit.set_bytes_per_second(arguments.rate);
  HUBD_RETURN_IF_ERROR(session.client().SetLimit(limit, session.Call()));
  if (session.arguments().json) session.Print(ToJson(limit));
  session.Note(arguments.rate == 0
                   ? absl::StrCat("No limit of ", whose)
                   : absl::StrCat("Limit of ", whose, ": ",
                                  HumanSize(arguments.rate), "/s"));
  return absl::OkStatus();
}

}  // namespace

absl::Status RunJobs(Session& session) {
  switch (session.arguments().command) {
    case Command::kJobsLs:
      return RunLs(session);
    case Command::kJobsWatch:
      return RunWatch(session);
    case Command::kJobsCancel:
      return RunCancel(session);
    default:
      return RunLimit(session);
  }
}

}  // namespace hubd
